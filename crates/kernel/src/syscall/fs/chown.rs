//! `chown(2)`: `chown`, `lchown`, `fchown`, `fchownat`.

use super::common::{CWD, Reached, find_node, node_of, path_or_empty};
use crate::{
    errno::{Errno, Result},
    fs::{Asker, without_set_ids},
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// An owner or group of -1 stays as it is.
const KEEP: u32 = u32::MAX;

/// An owner may give a file to a group of his; the rest is for who has `CAP_CHOWN`.
fn may_change(reached: &Reached, owner: u32, group: u32) -> Result<()> {
    let (asker, meta) = (Asker::current(), *reached.node.meta.lock());
    if asker.can(raw::CAP_CHOWN) {
        return Ok(());
    }
    let is_owner = asker.uid() == meta.uid;
    let owner_stays = owner == KEEP || is_owner && owner == meta.uid;
    let group_allowed = group == KEEP || is_owner && (group == meta.gid || asker.in_group(group));
    if owner_stays && group_allowed {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

fn change(reached: &Reached, owner: u32, group: u32) -> Result<usize> {
    may_change(reached, owner, group)?;
    reached.node.set(|meta| {
        if owner != KEEP {
            meta.uid = owner;
        }
        if group != KEEP {
            meta.gid = group;
        }
        // Whoever owns it now did not make it what it is.
        if meta.mode & raw::S_IFMT == raw::S_IFREG {
            meta.mode = without_set_ids(meta.mode);
        }
    })?;
    reached.happened(raw::IN_ATTRIB);
    Ok(0)
}

fn change_at(dirfd: i32, path: u64, owner: u32, group: u32, flags: u32) -> Result<usize> {
    let path = path_or_empty(path, flags)?;
    change(&find_node(dirfd, &path, flags)?, owner, group)
}

/// `chown(const char *path, uid_t owner, gid_t group)`
pub(super) fn chown(args: &Args) -> Result<usize> {
    change_at(CWD, args.0[0], args.uint(1), args.uint(2), 0)
}

/// `lchown(const char *path, uid_t owner, gid_t group)`
pub(super) fn lchown(args: &Args) -> Result<usize> {
    change_at(
        CWD,
        args.0[0],
        args.uint(1),
        args.uint(2),
        raw::AT_SYMLINK_NOFOLLOW,
    )
}

/// `fchown(int fd, uid_t owner, gid_t group)`
pub(super) fn fchown(args: &Args) -> Result<usize> {
    change(&node_of(args.int(0), Errno::EINVAL)?, args.uint(1), args.uint(2))
}

/// `fchownat(int dirfd, const char *path, uid_t owner, gid_t group, int flags)`
pub(super) fn fchownat(args: &Args) -> Result<usize> {
    let flags = args.uint(4);
    if flags & !(raw::AT_SYMLINK_NOFOLLOW | raw::AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    change_at(args.int(0), args.0[1], args.uint(2), args.uint(3), flags)
}
