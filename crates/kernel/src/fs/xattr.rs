//! Extended attributes (`xattr(7)`): names with values beside a node's own attributes.
//!
//! They are kept for what lives in the tree's writable file systems. `user.` is for who may read or write the file, `trusted.` and the setting of `security.` for
//! who administers the system; access control lists (`system.`) are not known, as on a file system without them.

use super::{
    node::{Body, Node},
    permission::{Asker, READ, WRITE},
};
use crate::{
    errno::{Errno, Result},
    mm,
};
use alloc::{boxed::Box, collections::BTreeMap, vec::Vec};
use linux_raw_sys::general as raw;

/// The longest value (`XATTR_SIZE_MAX`, `limits.h`); a list of names is no longer, either.
pub(crate) const MAX_VALUE: usize = 65536;
/// The longest name (`XATTR_NAME_MAX`).
pub(crate) const MAX_NAME: usize = 255;

/// The attributes of one node, by name.
#[derive(Default)]
pub(crate) struct Attributes(BTreeMap<Box<[u8]>, Box<[u8]>>);

impl core::fmt::Debug for Attributes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Attributes({})", self.0.len())
    }
}

const TRUSTED: &[u8] = b"trusted.";

/// Asks if a name may be used like that, and if the node's file system keeps it (`xattr(7)`).
fn check(node: &Node, name: &[u8], writes: bool) -> Result<()> {
    if node.remote.is_some() {
        return Err(Errno::EOPNOTSUPP);
    }
    let asker = Asker::current();
    // What cannot be set is not there to be read.
    let hidden = if writes { Errno::EPERM } else { Errno::ENODATA };
    let has_name = |prefix: &[u8]| name.strip_prefix(prefix).map(|rest| !rest.is_empty());
    let administers = asker.can(raw::CAP_SYS_ADMIN);
    let known = if let Some(named) = has_name(b"user.") {
        if !matches!(node.body, Body::Regular(_) | Body::Directory(_) | Body::Text(..)) {
            return Err(hidden);
        }
        let meta = *node.meta.lock();
        if writes && node.is_directory() && meta.mode & raw::S_ISVTX != 0 && !asker.owns(&meta) {
            return Err(Errno::EPERM);
        }
        asker.may(node, if writes { WRITE } else { READ })?;
        named
    } else if let Some(named) = has_name(TRUSTED) {
        if !administers {
            return Err(hidden);
        }
        named
    } else if let Some(named) = has_name(b"security.") {
        if writes && !administers {
            return Err(Errno::EPERM);
        }
        named
    } else {
        return Err(Errno::EOPNOTSUPP);
    };
    // Of volumes: ext4 has them, and nobody asked yet.
    if node.fs.refusal.is_some() || node.fs.volume().is_some() {
        return Err(Errno::EOPNOTSUPP);
    }
    if known { Ok(()) } else { Err(Errno::EINVAL) }
}

/// `getxattr(2)`: hands the value to `take`.
///
/// # Errors
///
/// `ENODATA`, `EOPNOTSUPP`, `EACCES`, and those of `take`.
pub(crate) fn get<T>(node: &Node, name: &[u8], take: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
    check(node, name, false)?;
    let value = {
        let attributes = node.attributes.lock();
        let value = attributes.as_ref().and_then(|all| all.0.get(name));
        // A copy, as handing it over may bring in a page of the program's.
        value.ok_or(Errno::ENODATA)?.clone()
    };
    take(&value)
}

/// `setxattr(2)`; flags are `XATTR_CREATE` and `XATTR_REPLACE`.
///
/// # Errors
///
/// `EEXIST`, `ENODATA`, `EPERM`, `EACCES`, `EOPNOTSUPP`; `ENOSPC` when memory is short.
pub(crate) fn set(node: &Node, name: &[u8], value: &[u8], flags: u32) -> Result<()> {
    check(node, name, true)?;
    if !mm::has_room_for_program() {
        return Err(Errno::ENOSPC);
    }
    {
        let mut attributes = node.attributes.lock();
        let there = attributes.as_ref().is_some_and(|all| all.0.contains_key(name));
        match there {
            true if flags & raw::XATTR_CREATE != 0 => return Err(Errno::EEXIST),
            false if flags & raw::XATTR_REPLACE != 0 => return Err(Errno::ENODATA),
            _ => {}
        }
        attributes
            .get_or_insert_default()
            .0
            .insert(name.into(), value.into());
    }
    node.change(|_| ());
    Ok(())
}

/// `removexattr(2)`.
///
/// # Errors
///
/// `ENODATA`, `EPERM`, `EACCES`, `EOPNOTSUPP`.
pub(crate) fn remove(node: &Node, name: &[u8]) -> Result<()> {
    check(node, name, true)?;
    let gone = node.attributes.lock().as_mut().and_then(|all| all.0.remove(name));
    gone.ok_or(Errno::ENODATA)?;
    node.change(|_| ());
    Ok(())
}

/// `listxattr(2)`: the names, each with a NUL behind it. `trusted.` is seen by who may read it.
pub(crate) fn list(node: &Node) -> Vec<u8> {
    let administers = Asker::current().can(raw::CAP_SYS_ADMIN);
    let mut names = Vec::new();
    if let Some(all) = node.attributes.lock().as_ref() {
        for name in all.0.keys() {
            if administers || !name.starts_with(TRUSTED) {
                names.extend_from_slice(name);
                names.push(0);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::filesystem::Filesystem;

    #[test]
    fn names_have_a_prefix_and_something_behind_it() {
        let fs = Filesystem::new("tmpfs", raw::TMPFS_MAGIC, 16);
        let node = Node::regular(&fs, 0o644);
        assert_eq!(set(&node, b"user.", b"x", 0), Err(Errno::EINVAL));
        assert_eq!(set(&node, b"userx", b"x", 0), Err(Errno::EOPNOTSUPP));
        assert_eq!(
            set(&node, b"system.posix_acl_access", b"x", 0),
            Err(Errno::EOPNOTSUPP)
        );
        assert_eq!(
            set(&node, b"user.b", b"1", raw::XATTR_REPLACE),
            Err(Errno::ENODATA)
        );
        assert_eq!(set(&node, b"user.b", b"1", raw::XATTR_CREATE), Ok(()));
        assert_eq!(set(&node, b"user.b", b"2", raw::XATTR_CREATE), Err(Errno::EEXIST));
        assert_eq!(set(&node, b"trusted.a", b"", 0), Ok(()));
        assert_eq!(list(&node), b"trusted.a\0user.b\0");
        assert_eq!(
            get(&node, b"user.b", |value| Ok(value.to_vec())),
            Ok(b"1".to_vec())
        );
        assert_eq!(remove(&node, b"user.b"), Ok(()));
        assert_eq!(remove(&node, b"user.b"), Err(Errno::ENODATA));
    }

    #[test]
    fn links_and_pipes_have_no_user_attributes() {
        let fs = Filesystem::new("tmpfs", raw::TMPFS_MAGIC, 16);
        let link = Node::new(&fs, raw::S_IFLNK | 0o777, Body::Link("x".into()));
        assert_eq!(set(&link, b"user.a", b"", 0), Err(Errno::EPERM));
        assert_eq!(get(&link, b"user.a", |_| Ok(())), Err(Errno::ENODATA));
        assert_eq!(set(&link, b"security.a", b"", 0), Ok(()));
    }
}
