//! `dup(2)`: `dup`, `dup2`, `dup3`.

use crate::{
    errno::{Errno, Result},
    file::Descriptor,
    process::{install_open, open_file, process},
    syscall::Args,
};
use linux_raw_sys::general::{O_CLOEXEC, RLIMIT_NOFILE};

/// The soft limit of descriptors.
pub(super) fn descriptor_limit() -> u64 {
    process().limits.lock()[RLIMIT_NOFILE as usize].rlim_cur
}

fn replace(old: i32, new: i32, cloexec: bool) -> Result<usize> {
    let open = open_file(old)?;
    if new < 0 || new as u64 >= descriptor_limit() {
        return Err(Errno::EBADF);
    }
    let replaced = process()
        .files
        .lock()
        .replace(new, Descriptor { open, cloexec })?;
    // Closing may wake others, who must find the table unlocked.
    if let Some(closed) = replaced {
        closed.open.file.descriptor_closed();
    }
    Ok(new as usize)
}

/// `dup(int oldfd)`
pub(super) fn dup(args: &Args) -> Result<usize> {
    install_open(open_file(args.int(0))?, false, 0).map(|fd| fd as usize)
}

/// `dup2(int oldfd, int newfd)`
pub(super) fn dup2(args: &Args) -> Result<usize> {
    let (old, new) = (args.int(0), args.int(1));
    if old == new {
        return open_file(old).map(|_| new as usize);
    }
    replace(old, new, false)
}

/// `dup3(int oldfd, int newfd, int flags)`
pub(super) fn dup3(args: &Args) -> Result<usize> {
    let (old, new, flags) = (args.int(0), args.int(1), args.uint(2));
    if old == new || flags & !O_CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    replace(old, new, flags & O_CLOEXEC != 0)
}
