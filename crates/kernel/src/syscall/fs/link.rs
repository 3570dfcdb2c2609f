//! `link(2)`: `link`, `linkat`.

use super::common::{CWD, at, find_node, path_or_empty};
use crate::{
    errno::{Errno, Result},
    fs::ops,
    syscall::Args,
    user,
};
use linux_raw_sys::general as raw;

fn link_at(old: (i32, u64), new: (i32, u64), flags: u32) -> Result<usize> {
    if flags & !(raw::AT_SYMLINK_FOLLOW | raw::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    // Here, other than elsewhere, a link is not followed unless one asks for it.
    let follow = if flags & raw::AT_SYMLINK_FOLLOW != 0 {
        0
    } else {
        raw::AT_SYMLINK_NOFOLLOW
    };
    let (old_path, new_path) = (path_or_empty(old.1, flags)?, user::path(new.1)?);
    let node = find_node(old.0, &old_path, flags & raw::AT_EMPTY_PATH | follow)?;
    ops::link(&node.node, &at(new.0, &new_path)?).map(|()| 0)
}

/// `link(const char *oldpath, const char *newpath)`
pub(super) fn link(args: &Args) -> Result<usize> {
    link_at((CWD, args.0[0]), (CWD, args.0[1]), 0)
}

/// `linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags)`
pub(super) fn linkat(args: &Args) -> Result<usize> {
    link_at((args.int(0), args.0[1]), (args.int(2), args.0[3]), args.uint(4))
}
