//! `pidfd_getfd(2)`: a descriptor of the process, duplicated.

use crate::{
    errno::{Errno, Result},
    event::pidfd::PidFd,
    process::{install_open, open_file, with_file},
    syscall::Args,
};

/// `pidfd_getfd(int pidfd, int targetfd, unsigned int flags)`
pub(super) fn pidfd_getfd(args: &Args) -> Result<usize> {
    if args.uint(2) != 0 {
        return Err(Errno::EINVAL);
    }
    with_file::<PidFd, _>(args.int(0), Errno::EBADF, |_, _| {
        install_open(open_file(args.int(1))?, true, 0).map(|fd| fd as usize)
    })
}
