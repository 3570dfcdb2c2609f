//! `epoll_create`, `epoll_create1`.

use crate::{
    errno::{Errno, Result},
    event::epoll::Epoll,
    process,
    syscall::Args,
};
use linux_raw_sys::general::{EPOLL_CLOEXEC, O_RDWR};

pub(super) fn epoll_create(args: &Args) -> Result<usize> {
    if args.int(0) <= 0 {
        return Err(Errno::EINVAL);
    }
    create(0)
}

pub(super) fn epoll_create1(args: &Args) -> Result<usize> {
    let flags = args.uint(0);
    if flags & !EPOLL_CLOEXEC != 0 {
        return Err(Errno::EINVAL);
    }
    // The same bit as `O_CLOEXEC`.
    create(flags)
}

fn create(flags: u32) -> Result<usize> {
    process::install(Epoll::new(), O_RDWR | flags).map(|fd| fd as usize)
}
