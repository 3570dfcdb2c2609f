//! `listxattr(2)`: `listxattr`, `llistxattr`, `flistxattr`.

use super::common::{CWD, find_node, give, node_of};
use crate::{
    errno::{Errno, Result},
    fs::xattr,
    syscall::Args,
    user,
};
use linux_raw_sys::general as raw;

fn list(args: &Args, flags: u32) -> Result<usize> {
    let path = user::path(args.0[0])?;
    let reached = find_node(CWD, &path, flags)?;
    give(&xattr::list(&reached.node), args.slice(1))
}

/// `listxattr(const char *path, char *list, size_t size)`
pub(super) fn listxattr(args: &Args) -> Result<usize> {
    list(args, 0)
}

/// `llistxattr(const char *path, char *list, size_t size)`
pub(super) fn llistxattr(args: &Args) -> Result<usize> {
    list(args, raw::AT_SYMLINK_NOFOLLOW)
}

/// `flistxattr(int fd, char *list, size_t size)`
pub(super) fn flistxattr(args: &Args) -> Result<usize> {
    match node_of(args.int(0), Errno::EOPNOTSUPP) {
        Ok(reached) => give(&xattr::list(&reached.node), args.slice(1)),
        // A pipe or the like has none.
        Err(Errno::EOPNOTSUPP) => Ok(0),
        Err(errno) => Err(errno),
    }
}
