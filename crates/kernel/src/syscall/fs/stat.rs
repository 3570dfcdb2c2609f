//! `stat(2)`: `stat`, `fstat`, `lstat`, `newfstatat`.

use super::common::{CWD, path_or_empty, stat_at, to_stat};
use crate::{
    errno::{Errno, Result},
    process::open_file,
    syscall::Args,
    user,
};
use linux_raw_sys::general as raw;

/// `stat(const char *path, struct stat *statbuf)`
pub(super) fn stat(args: &Args) -> Result<usize> {
    let stat = stat_at(CWD, &user::path(args.0[0])?, 0)?;
    args.ptr(1).write(to_stat(&stat)).map(|()| 0)
}

/// `lstat(const char *path, struct stat *statbuf)`
pub(super) fn lstat(args: &Args) -> Result<usize> {
    let stat = stat_at(CWD, &user::path(args.0[0])?, raw::AT_SYMLINK_NOFOLLOW)?;
    args.ptr(1).write(to_stat(&stat)).map(|()| 0)
}

/// `fstat(int fd, struct stat *statbuf)`
pub(super) fn fstat(args: &Args) -> Result<usize> {
    let stat = open_file(args.int(0))?.file.stat()?;
    args.ptr(1).write(to_stat(&stat)).map(|()| 0)
}

/// `newfstatat(int dirfd, const char *path, struct stat *statbuf, int flags)`
pub(super) fn newfstatat(args: &Args) -> Result<usize> {
    let flags = args.uint(3);
    if flags & !(raw::AT_SYMLINK_NOFOLLOW | raw::AT_EMPTY_PATH | raw::AT_NO_AUTOMOUNT) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = path_or_empty(args.0[1], flags)?;
    let stat = stat_at(args.int(0), &path, flags)?;
    args.ptr(2).write(to_stat(&stat)).map(|()| 0)
}
