//! `fcntl(2)`.
//!
//! Record locks belong to processes, and there is one: they never conflict, so taking one always succeeds at once.

use super::dup::descriptor_limit;
use crate::{
    errno::{Errno, Result},
    event::pipe::PipeEnd,
    file::OpenFile,
    fs::NodeFile,
    process::{install_open, open_file, process},
    syscall::Args,
    user::{Plain, UserPtr},
};
use alloc::sync::Arc;
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

fn record_lock(open: &OpenFile, command: u32, address: UserPtr<Flock>) -> Result<usize> {
    let mut lock = address.read()?;
    let kind = u32::try_from(lock.kind).map_err(|_| Errno::EINVAL)?;
    if kind > raw::F_UNLCK || !(0..=2).contains(&lock.whence) {
        return Err(Errno::EINVAL);
    }
    if matches!(command, raw::F_GETLK | raw::F_OFD_GETLK) {
        lock.kind = raw::F_UNLCK as i16;
        return address.write(lock).map(|()| 0);
    }
    match kind {
        raw::F_RDLCK if !open.readable() => Err(Errno::EBADF),
        raw::F_WRLCK if !open.writable() => Err(Errno::EBADF),
        _ => Ok(0),
    }
}

fn pipe(open: &OpenFile) -> Result<&PipeEnd> {
    open.file.as_any().downcast_ref().ok_or(Errno::EBADF)
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
        raw::F_SETFL => {
            open.set_status_flags(argument as u32);
            Ok(0)
        }
        raw::F_GETLK
        | raw::F_SETLK
        | raw::F_SETLKW
        | raw::F_OFD_GETLK
        | raw::F_OFD_SETLK
        | raw::F_OFD_SETLKW => record_lock(&open, command, UserPtr::new(argument)),
        raw::F_GETPIPE_SZ => Ok(pipe(&open)?.capacity()),
        raw::F_SETPIPE_SZ => pipe(&open)?.set_capacity(argument as usize),
        raw::F_GET_SEALS => seals(&open, None),
        raw::F_ADD_SEALS => seals(&open, Some(argument as u32)),
        // Nobody is ever told by signal.
        raw::F_GETOWN | raw::F_GETSIG | raw::F_SETOWN | raw::F_SETSIG => Ok(0),
        raw::F_GETLEASE => Ok(raw::F_UNLCK as usize),
        _ => Err(Errno::EINVAL),
    }
}
