//! `truncate(2)`: `truncate`, `ftruncate`.

use super::common::{CWD, find_node};
use crate::{
    errno::{Errno, Result},
    fs::{Asker, Body, NodeFile, WRITE, may_grow},
    process::open_file,
    syscall::Args,
    user,
};
use linux_raw_sys::general::IN_MODIFY;

/// `truncate(const char *path, off_t length)`
pub(super) fn truncate(args: &Args) -> Result<usize> {
    let length = u64::try_from(args.0[1] as i64).map_err(|_| Errno::EINVAL)?;
    let path = user::path(args.0[0])?;
    let reached = find_node(CWD, &path, 0)?;
    let node = &reached.node;
    if node.is_directory() {
        return Err(Errno::EISDIR);
    }
    Asker::current().may(node, WRITE)?;
    // A kernel's text has no length to change, and no reason to refuse.
    if matches!(node.body, Body::Text(..)) {
        return Ok(0);
    }
    let data = node.data().ok_or(Errno::EINVAL)?;
    node.fs.may_change()?;
    may_grow(data.size(), length)?;
    node.truncate(length)?;
    node.modified();
    reached.happened(IN_MODIFY);
    Ok(0)
}

/// `ftruncate(int fd, off_t length)`
pub(super) fn ftruncate(args: &Args) -> Result<usize> {
    let length = u64::try_from(args.0[1] as i64).map_err(|_| Errno::EINVAL)?;
    let open = open_file(args.int(0))?;
    let file = NodeFile::of(&open).ok_or(Errno::EINVAL)?;
    if file.is_place() {
        return Err(Errno::EBADF);
    }
    if !open.writable() {
        return Err(Errno::EINVAL);
    }
    file.truncate(length).map(|()| 0)
}
