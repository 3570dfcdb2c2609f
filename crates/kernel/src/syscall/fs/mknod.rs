//! `mknod(2)`: `mknod`, `mknodat`.

use super::common::{CWD, at, masked};
use crate::{
    errno::{Errno, Result},
    fs::{Asker, ops},
    syscall::Args,
    user,
};
use linux_raw_sys::general as raw;

fn make(dirfd: i32, path: u64, mode: u32, device: u64) -> Result<usize> {
    let path = user::path(path)?;
    let at = at(dirfd, &path)?;
    match mode & raw::S_IFMT {
        0 | raw::S_IFREG => ops::make_regular(&at.parent()?, masked(mode)).map(|_| 0),
        raw::S_IFIFO => ops::make_fifo(&at.parent()?, masked(mode)).map(|_| 0),
        raw::S_IFCHR | raw::S_IFBLK if !Asker::current().can(raw::CAP_MKNOD) => Err(Errno::EPERM),
        kind @ (raw::S_IFCHR | raw::S_IFBLK) => {
            // The argument counts as 32 bits.
            let device = device & u64::from(u32::MAX);
            ops::make_device(&at.parent()?, kind | masked(mode), device).map(|_| 0)
        }
        raw::S_IFSOCK => ops::make_dead_socket(&at.parent()?, masked(mode)).map(|_| 0),
        raw::S_IFDIR => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

/// `mknod(const char *path, mode_t mode, dev_t dev)`
pub(super) fn mknod(args: &Args) -> Result<usize> {
    make(CWD, args.0[0], args.uint(1), args.0[2])
}

/// `mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)`
pub(super) fn mknodat(args: &Args) -> Result<usize> {
    make(args.int(0), args.0[1], args.uint(2), args.0[3])
}
