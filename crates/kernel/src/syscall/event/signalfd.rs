//! `signalfd`, `signalfd4`.

use crate::{
    errno::{Errno, Result},
    event::signalfd::SignalFd,
    process,
    signal::info::{SigSet, UNSTOPPABLE},
    syscall::Args,
};
use linux_raw_sys::general::{O_CLOEXEC, O_NONBLOCK, O_RDWR};

pub(super) fn signalfd(args: &Args) -> Result<usize> {
    create(args, 0)
}

pub(super) fn signalfd4(args: &Args) -> Result<usize> {
    create(args, args.uint(3))
}

fn create(args: &Args, flags: u32) -> Result<usize> {
    // `SFD_CLOEXEC` and `SFD_NONBLOCK` are the same bits.
    if flags & !(O_CLOEXEC | O_NONBLOCK) != 0 || args.size(2) != size_of::<SigSet>() {
        return Err(Errno::EINVAL);
    }
    let mask = args.ptr::<SigSet>(1).read()? & !UNSTOPPABLE;
    match args.int(0) {
        -1 => process::install(SignalFd::new(mask), O_RDWR | flags).map(|fd| fd as usize),
        fd => process::with_file(fd, Errno::EINVAL, |file: &SignalFd, _| {
            file.set_mask(mask);
            Ok(fd as usize)
        }),
    }
}
