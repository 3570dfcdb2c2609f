//! `access(2)`: `access`, `faccessat`, `faccessat2`.

use super::common::{CWD, find_as, path_or_empty};
use crate::{
    errno::{Errno, Result},
    fs::{Asker, Found, NodeFile},
    syscall::Args,
};
use linux_raw_sys::general as raw;

fn check(dirfd: i32, path: u64, mode: u32, flags: u32) -> Result<usize> {
    if mode & !(raw::R_OK | raw::W_OK | raw::X_OK) != 0 {
        return Err(Errno::EINVAL);
    }
    let asker = if flags & raw::AT_EACCESS != 0 {
        Asker::current()
    } else {
        Asker::real()
    };
    let node = match find_as(asker, dirfd, &path_or_empty(path, flags)?, flags)? {
        Found::Node(node, _) => node,
        Found::Open(open) => match NodeFile::of(&open) {
            Some(file) => file.node.clone(),
            // What has no node (a socket, an end of a pipe) is the program's own, and nobody runs it.
            None if mode & raw::X_OK != 0 => return Err(Errno::EACCES),
            None => return Ok(0),
        },
    };
    // Without a mode it is enough that it is there.
    match mode {
        0 => Ok(0),
        mode => asker.may(&node, mode).map(|()| 0),
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
