//! `inotify_init(2)`: `inotify_init`, `inotify_init1`.

use crate::{
    errno::{Errno, Result},
    fs::Inotify,
    process::install,
    syscall::Args,
};
use linux_raw_sys::general::{O_CLOEXEC, O_NONBLOCK, O_RDONLY};

/// `inotify_init(void)`
pub(super) fn inotify_init(_args: &Args) -> Result<usize> {
    install(Inotify::new(), O_RDONLY).map(|fd| fd as usize)
}

/// `inotify_init1(int flags)`
pub(super) fn inotify_init1(args: &Args) -> Result<usize> {
    // `IN_CLOEXEC` and `IN_NONBLOCK` are the same bits.
    let flags = args.uint(0);
    if flags & !(O_CLOEXEC | O_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    install(Inotify::new(), O_RDONLY | flags).map(|fd| fd as usize)
}
