//! `mknod(2)`: `mknod`, `mknodat`, for regular files and named pipes.

use super::common::{CWD, at, masked};
use crate::{
    errno::{Errno, Result},
    fs::ops,
    syscall::Args,
    user,
};
use linux_raw_sys::general as raw;

fn make(dirfd: i32, path: u64, mode: u32) -> Result<usize> {
    let path = user::path(path)?;
    let at = at(dirfd, &path)?;
    match mode & raw::S_IFMT {
        0 | raw::S_IFREG => ops::make_regular(&at.parent()?, masked(mode)).map(|_| 0),
        raw::S_IFIFO => ops::make_fifo(&at.parent()?, masked(mode)).map(|_| 0),
        // Devices are those of `/dev`.
        raw::S_IFCHR | raw::S_IFBLK | raw::S_IFSOCK => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

/// `mknod(const char *path, mode_t mode, dev_t dev)`
pub(super) fn mknod(args: &Args) -> Result<usize> {
    make(CWD, args.0[0], args.uint(1))
}

/// `mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)`
pub(super) fn mknodat(args: &Args) -> Result<usize> {
    make(args.int(0), args.0[1], args.uint(2))
}
