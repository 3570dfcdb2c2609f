//! `eventfd`, `eventfd2`.

use crate::{
    errno::{Errno, Result},
    event::eventfd::EventFd,
    process,
    syscall::Args,
};
use linux_raw_sys::general::{EFD_CLOEXEC, EFD_NONBLOCK, EFD_SEMAPHORE, O_RDWR};

pub(super) fn eventfd(args: &Args) -> Result<usize> {
    create(args.uint(0), 0)
}

pub(super) fn eventfd2(args: &Args) -> Result<usize> {
    create(args.uint(0), args.uint(1))
}

fn create(initial: u32, flags: u32) -> Result<usize> {
    if flags & !(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let file = EventFd::new(initial, flags & EFD_SEMAPHORE != 0);
    // The other two are the same bits as `O_CLOEXEC` and `O_NONBLOCK`.
    process::install(file, O_RDWR | flags & !EFD_SEMAPHORE).map(|fd| fd as usize)
}
