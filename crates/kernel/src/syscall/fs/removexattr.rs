//! `removexattr(2)`: `removexattr`, `lremovexattr`, `fremovexattr`.

use super::common::{CWD, Reached, attribute_name, attributes_of, find_node};
use crate::{errno::Result, fs::xattr, syscall::Args, user};
use linux_raw_sys::general as raw;

fn remove(reached: &Reached, name: &[u8]) -> Result<usize> {
    xattr::remove(&reached.node, name)?;
    reached.happened(raw::IN_ATTRIB);
    Ok(0)
}

fn remove_at(args: &Args, flags: u32) -> Result<usize> {
    let (name, path) = (attribute_name(args.0[1])?, user::path(args.0[0])?);
    remove(&find_node(CWD, &path, flags)?, &name)
}

/// `removexattr(const char *path, const char *name)`
pub(super) fn removexattr(args: &Args) -> Result<usize> {
    remove_at(args, 0)
}

/// `lremovexattr(const char *path, const char *name)`
pub(super) fn lremovexattr(args: &Args) -> Result<usize> {
    remove_at(args, raw::AT_SYMLINK_NOFOLLOW)
}

/// `fremovexattr(int fd, const char *name)`
pub(super) fn fremovexattr(args: &Args) -> Result<usize> {
    let reached = attributes_of(args.int(0), args.0[1], true)?;
    remove(&reached, &attribute_name(args.0[1])?)
}
