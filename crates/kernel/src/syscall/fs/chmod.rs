//! `chmod(2)`: `chmod`, `fchmod`, `fchmodat`, `fchmodat2`.

use super::common::{CWD, Reached, find_node, node_of, path_or_empty};
use crate::{
    errno::{Errno, Result},
    fs::Asker,
    syscall::Args,
};
use linux_raw_sys::general as raw;

fn change(reached: &Reached, mode: u32) -> Result<usize> {
    if reached.node.is_link() {
        return Err(Errno::EOPNOTSUPP);
    }
    let (asker, meta) = (Asker::current(), *reached.node.meta.lock());
    reached.node.fs.may_change()?;
    if !asker.owns(&meta) {
        return Err(Errno::EPERM);
    }
    let mode = asker.allowed_mode(mode & 0o7777, meta.gid);
    reached
        .node
        .set(|meta| meta.mode = meta.mode & raw::S_IFMT | mode)?;
    reached.happened(raw::IN_ATTRIB);
    Ok(0)
}

fn change_at(dirfd: i32, path: u64, mode: u32, flags: u32) -> Result<usize> {
    let path = path_or_empty(path, flags)?;
    change(&find_node(dirfd, &path, flags)?, mode)
}

/// `chmod(const char *path, mode_t mode)`
pub(super) fn chmod(args: &Args) -> Result<usize> {
    change_at(CWD, args.0[0], args.uint(1), 0)
}

/// `fchmod(int fd, mode_t mode)`
pub(super) fn fchmod(args: &Args) -> Result<usize> {
    change(&node_of(args.int(0), Errno::EINVAL)?, args.uint(1))
}

/// `fchmodat(int dirfd, const char *path, mode_t mode)`
pub(super) fn fchmodat(args: &Args) -> Result<usize> {
    change_at(args.int(0), args.0[1], args.uint(2), 0)
}

/// `fchmodat2(int dirfd, const char *path, mode_t mode, int flags)`
pub(super) fn fchmodat2(args: &Args) -> Result<usize> {
    let flags = args.uint(3);
    if flags & !(raw::AT_SYMLINK_NOFOLLOW | raw::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    change_at(args.int(0), args.0[1], args.uint(2), flags)
}
