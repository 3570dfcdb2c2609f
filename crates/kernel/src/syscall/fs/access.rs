//! `access(2)`: `access`, `faccessat`, `faccessat2`.

use super::common::{CWD, path_or_empty, stat_at};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general as raw;

fn check(dirfd: i32, path: u64, mode: u32, flags: u32) -> Result<usize> {
    if mode & !(raw::R_OK | raw::W_OK | raw::X_OK) != 0 {
        return Err(Errno::EINVAL);
    }
    let stat = stat_at(dirfd, &path_or_empty(path, flags)?, flags)?;
    // The user is root, who may all but execute what nobody may (capabilities(7), CAP_DAC_OVERRIDE).
    let executable = stat.mode & raw::S_IFMT == raw::S_IFDIR || stat.mode & 0o111 != 0;
    if mode & raw::X_OK != 0 && !executable {
        Err(Errno::EACCES)
    } else {
        Ok(0)
    }
}

/// `access(const char *path, int mode)`
pub(super) fn access(args: &Args) -> Result<usize> {
    check(CWD, args.0[0], args.uint(1), 0)
}

/// `faccessat(int dirfd, const char *path, int mode)`
pub(super) fn faccessat(args: &Args) -> Result<usize> {
    check(args.int(0), args.0[1], args.uint(2), 0)
}

/// `faccessat2(int dirfd, const char *path, int mode, int flags)`
pub(super) fn faccessat2(args: &Args) -> Result<usize> {
    let flags = args.uint(3);
    if flags & !(raw::AT_EACCESS | raw::AT_SYMLINK_NOFOLLOW | raw::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    check(args.int(0), args.0[1], args.uint(2), flags)
}
