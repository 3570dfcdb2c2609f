//! `setxattr(2)`: `setxattr`, `lsetxattr`, `fsetxattr`.

use super::common::{CWD, Reached, attribute_name, attributes_of, find_node};
use crate::{
    errno::{Errno, Result},
    fs::xattr,
    syscall::Args,
    user,
};
use alloc::vec::Vec;
use linux_raw_sys::general as raw;

/// Name, value and flags, checked as far as that needs no file.
fn wanted<'a>(args: &Args) -> Result<(Vec<u8>, &'a [u8], u32)> {
    let flags = args.uint(4);
    if flags & !(raw::XATTR_CREATE | raw::XATTR_REPLACE) != 0 {
        return Err(Errno::EINVAL);
    }
    let name = attribute_name(args.0[1])?;
    if args.size(3) > xattr::MAX_VALUE {
        return Err(Errno::E2BIG);
    }
    Ok((name, args.slice(2).bytes()?, flags))
}

fn set(args: &Args, reached: &Reached) -> Result<usize> {
    // Looked at again: resolving a path may have waited.
    let (name, value, flags) = wanted(args)?;
    xattr::set(&reached.node, &name, value, flags)?;
    reached.happened(raw::IN_ATTRIB);
    Ok(0)
}

fn set_at(args: &Args, flags: u32) -> Result<usize> {
    wanted(args)?;
    let path = user::path(args.0[0])?;
    set(args, &find_node(CWD, &path, flags)?)
}

/// `setxattr(const char *path, const char *name, const void *value, size_t size, int flags)`
pub(super) fn setxattr(args: &Args) -> Result<usize> {
    set_at(args, 0)
}

/// `lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)`
pub(super) fn lsetxattr(args: &Args) -> Result<usize> {
    set_at(args, raw::AT_SYMLINK_NOFOLLOW)
}

/// `fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)`
pub(super) fn fsetxattr(args: &Args) -> Result<usize> {
    let reached = attributes_of(args.int(0), args.0[1], true)?;
    set(args, &reached)
}
