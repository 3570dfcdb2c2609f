//! `getxattr(2)`: `getxattr`, `lgetxattr`, `fgetxattr`.

use super::common::{CWD, Reached, attribute_name, attributes_of, find_node, give};
use crate::{errno::Result, fs::xattr, syscall::Args, user};
use linux_raw_sys::general as raw;

fn get(args: &Args, flags: u32) -> Result<usize> {
    let (name, path) = (attribute_name(args.0[1])?, user::path(args.0[0])?);
    value(args, &find_node(CWD, &path, flags)?, &name)
}

fn value(args: &Args, reached: &Reached, name: &[u8]) -> Result<usize> {
    xattr::get(&reached.node, name, |value| give(value, args.slice(2)))
}

/// `getxattr(const char *path, const char *name, void *value, size_t size)`
pub(super) fn getxattr(args: &Args) -> Result<usize> {
    get(args, 0)
}

/// `lgetxattr(const char *path, const char *name, void *value, size_t size)`
pub(super) fn lgetxattr(args: &Args) -> Result<usize> {
    get(args, raw::AT_SYMLINK_NOFOLLOW)
}

/// `fgetxattr(int fd, const char *name, void *value, size_t size)`
pub(super) fn fgetxattr(args: &Args) -> Result<usize> {
    let reached = attributes_of(args.int(0), args.0[1], false)?;
    value(args, &reached, &attribute_name(args.0[1])?)
}
