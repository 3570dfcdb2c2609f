//! `fcntl(2)`.

use super::{common::pipe, dup::descriptor_limit};
use crate::{
    errno::{Errno, Result},
    file::{
        OpenFile,
        async_io::{Owner as Told, process_owner},
    },
    fs::{self, NodeFile, Owner, Record},
    process::{PID, install_open, open_file, process},
    sched, signal,
    syscall::Args,
    user::{Plain, UserPtr},
};
use alloc::sync::Arc;
use core::ops::Range;
use linux_raw_sys::general as raw;

/// `struct flock` of the 64-bit ABI, its padding spelt out.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Flock {
    kind: i16,
    whence: i16,
    pad: u32,
    start: i64,
    len: i64,
    pid: i32,
    pad_end: u32,
}

// SAFETY: integers without padding between them.
unsafe impl Plain for Flock {}

const _: () = assert!(size_of::<Flock>() == size_of::<raw::flock>());

fn duplicate(open: Arc<OpenFile>, from: u64, cloexec: bool) -> Result<usize> {
    // The argument counts as an int.
    let from = i32::try_from(from as i64)
        .ok()
        .and_then(|from| usize::try_from(from).ok())
        .ok_or(Errno::EINVAL)?;
    if from as u64 >= descriptor_limit() {
        return Err(Errno::EINVAL);
    }
    install_open(open, cloexec, from).map(|fd| fd as usize)
}

/// The bytes that a lock is about: from `start` counted from `whence`, `len` of them, or those before it, or all that come.
fn range(open: &OpenFile, lock: &Flock) -> Result<Range<u64>> {
    let base = match lock.whence as u32 {
        raw::SEEK_SET => 0,
        raw::SEEK_CUR => *open.offset().lock(),
        raw::SEEK_END => open.file.stat()?.size,
        _ => return Err(Errno::EINVAL),
    };
    let start = i64::try_from(base)
        .ok()
        .and_then(|base| base.checked_add(lock.start))
        .ok_or(Errno::EOVERFLOW)?;
    let (start, end) = match lock.len {
        0 => (start, None),
        1.. => (
            start,
            Some(start.checked_add(lock.len - 1).ok_or(Errno::EOVERFLOW)? + 1),
        ),
        ..0 => (start.checked_add(lock.len).ok_or(Errno::EINVAL)?, Some(start)),
    };
    let start = u64::try_from(start).map_err(|_| Errno::EINVAL)?;
    Ok(start..end.map_or(u64::MAX, |end| end as u64))
}

/// Says which lock is in the way, or that none is.
fn describe(lock: &mut Flock, blocker: Option<Record>) {
    let Some(record) = blocker else {
        lock.kind = raw::F_UNLCK as i16;
        return;
    };
    lock.kind = if record.exclusive {
        raw::F_WRLCK
    } else {
        raw::F_RDLCK
    } as i16;
    lock.whence = raw::SEEK_SET as i16;
    lock.start = record.range.start as i64;
    lock.len = match record.range.end {
        u64::MAX => 0,
        end => (end - record.range.start) as i64,
    };
    lock.pid = match record.owner {
        Owner::Process => PID,
        Owner::Description(_) => -1,
    };
}

fn record_lock(open: &OpenFile, command: u32, address: UserPtr<Flock>) -> Result<usize> {
    let mut lock = address.read()?;
    let kind = u32::try_from(lock.kind).map_err(|_| Errno::EINVAL)?;
    let asks = matches!(command, raw::F_GETLK | raw::F_OFD_GETLK);
    let by_description = matches!(command, raw::F_OFD_GETLK | raw::F_OFD_SETLK | raw::F_OFD_SETLKW);
    if kind > raw::F_UNLCK || (asks && kind == raw::F_UNLCK) || (by_description && lock.pid != 0) {
        return Err(Errno::EINVAL);
    }
    let range = range(open, &lock)?;
    // What is not in the tree (a pipe, a socket) is nobody else's, either.
    let Some(file) = NodeFile::of(open) else {
        return Ok(0);
    };
    let owner = match Owner::of(open) {
        Some(owner) if by_description => owner,
        _ => Owner::Process,
    };
    let wanted = Record {
        owner,
        exclusive: kind == raw::F_WRLCK,
        range,
    };
    if asks {
        describe(&mut lock, fs::blocker(file, &wanted));
        return address.write(lock).map(|()| 0);
    }
    match kind {
        raw::F_RDLCK if !open.readable() => Err(Errno::EBADF),
        raw::F_WRLCK if !open.writable() => Err(Errno::EBADF),
        raw::F_UNLCK => {
            fs::give_up_lock(file, owner, &wanted.range);
            Ok(0)
        }
        _ if fs::take_lock(
            file,
            &wanted,
            matches!(command, raw::F_SETLKW | raw::F_OFD_SETLKW),
        )? =>
        {
            Ok(0)
        }
        _ => Err(Errno::EAGAIN),
    }
}

fn seals(open: &OpenFile, add: Option<u32>) -> Result<usize> {
    let data = NodeFile::of(open)
        .and_then(|file| file.node.data())
        .ok_or(Errno::EINVAL)?;
    let Some(seals) = add else {
        return Ok(data.seals() as usize);
    };
    if !open.writable() {
        return Err(Errno::EPERM);
    }
    data.add_seals(seals).map(|()| 0)
}

/// `F_SETFL`.
fn set_flags(open: &Arc<OpenFile>, fd: i32, flags: u32) -> Result<usize> {
    if let Some(end) = pipe(open) {
        end.set_packets(flags & raw::O_DIRECT != 0);
    }
    if (flags ^ open.flags()) & raw::FASYNC != 0 {
        open.tell_by_signal(flags & raw::FASYNC != 0, fd);
    }
    open.set_status_flags(flags);
    Ok(0)
}

/// Who is told by which signal of what a descriptor becomes ready for; `struct f_owner_ex` is a kind and a number.
fn owner(open: &OpenFile, command: u32, argument: u64) -> Result<usize> {
    let owner = match command {
        raw::F_GETSIG => return Ok(open.async_io().lock().signal as usize),
        raw::F_SETSIG => {
            let signal = i32::try_from(argument)
                .ok()
                .filter(|signal| (0..=signal::info::MAX).contains(signal))
                .ok_or(Errno::EINVAL)?;
            open.async_io().lock().signal = signal;
            return Ok(0);
        }
        raw::F_GETOWN => {
            return Ok(match open.async_io().lock().owner {
                Told::Nobody => 0,
                Told::Thread(tid) => tid as usize,
                Told::Process => PID as usize,
                Told::Group => -(PID as isize) as usize,
            });
        }
        raw::F_GETOWN_EX => {
            let (kind, id) = match open.async_io().lock().owner {
                Told::Nobody => (raw::F_OWNER_PID, 0),
                Told::Thread(tid) => (raw::F_OWNER_TID, tid),
                Told::Process => (raw::F_OWNER_PID, PID),
                Told::Group => (raw::F_OWNER_PGRP, PID),
            };
            UserPtr::<[i32; 2]>::new(argument).write([kind as i32, id])?;
            return Ok(0);
        }
        raw::F_SETOWN => {
            let id = argument as i32;
            process_owner(id.checked_abs().ok_or(Errno::EINVAL)?, id < 0)
        }
        _ => {
            let [kind, id] = UserPtr::<[i32; 2]>::new(argument).read()?;
            match kind as u32 {
                raw::F_OWNER_TID if id == 0 => Some(Told::Thread(0)),
                raw::F_OWNER_TID => sched::find(id).map(|_| Told::Thread(id)),
                raw::F_OWNER_PID => process_owner(id, false),
                raw::F_OWNER_PGRP => process_owner(id, true),
                _ => return Err(Errno::EINVAL),
            }
        }
    };
    open.async_io().lock().owner = owner.ok_or(Errno::ESRCH)?;
    Ok(0)
}

/// The commands that a descriptor opened with `O_PATH` knows (open(2)).
const ON_PLACES: [u32; 5] = [
    raw::F_DUPFD,
    raw::F_DUPFD_CLOEXEC,
    raw::F_GETFD,
    raw::F_SETFD,
    raw::F_GETFL,
];

/// `fcntl(int fd, int cmd, ... arg)`
pub(super) fn fcntl(args: &Args) -> Result<usize> {
    let (fd, command, argument) = (args.int(0), args.uint(1), args.0[2]);
    let open = open_file(fd)?;
    if NodeFile::of(&open).is_some_and(NodeFile::is_place) && !ON_PLACES.contains(&command) {
        return Err(Errno::EBADF);
    }
    match command {
        raw::F_DUPFD => duplicate(open, argument, false),
        raw::F_DUPFD_CLOEXEC => duplicate(open, argument, true),
        raw::F_GETFD => Ok(usize::from(process().files.lock().get(fd)?.cloexec)),
        raw::F_SETFD => {
            process().files.lock().get_mut(fd)?.cloexec = argument & u64::from(raw::FD_CLOEXEC) != 0;
            Ok(0)
        }
        raw::F_GETFL => Ok(open.flags() as usize),
        raw::F_SETFL => set_flags(&open, fd, argument as u32),
        raw::F_GETLK
        | raw::F_SETLK
        | raw::F_SETLKW
        | raw::F_OFD_GETLK
        | raw::F_OFD_SETLK
        | raw::F_OFD_SETLKW => record_lock(&open, command, UserPtr::new(argument)),
        raw::F_GETPIPE_SZ => Ok(pipe(&open).ok_or(Errno::EBADF)?.capacity()),
        raw::F_SETPIPE_SZ => pipe(&open).ok_or(Errno::EBADF)?.set_capacity(argument as usize),
        raw::F_GET_SEALS => seals(&open, None),
        raw::F_ADD_SEALS => seals(&open, Some(argument as u32)),
        raw::F_GETOWN
        | raw::F_GETSIG
        | raw::F_SETOWN
        | raw::F_SETSIG
        | raw::F_SETOWN_EX
        | raw::F_GETOWN_EX => owner(&open, command, argument),
        raw::F_GETLEASE => Ok(raw::F_UNLCK as usize),
        _ => Err(Errno::EINVAL),
    }
}
