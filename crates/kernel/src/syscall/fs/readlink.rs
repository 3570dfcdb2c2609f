//! `readlink(2)`: `readlink`, `readlinkat`.

use super::common::{CWD, find};
use crate::{
    errno::{Errno, Result},
    file::OpenFile,
    fs::{self, Body, Found, Node, NodeFile, Target},
    syscall::Args,
    user::{self, UserSlice, names},
};
use alloc::{format, string::String, sync::Arc};
use linux_raw_sys::general as raw;

/// What `/proc/self/fd` shows for an open file (`proc(5)`).
fn shown(open: &OpenFile) -> Result<String> {
    if let Some(path) = fs::path_of(open) {
        return Ok(path);
    }
    let stat = open.file.stat()?;
    Ok(match stat.mode & raw::S_IFMT {
        raw::S_IFIFO => format!("pipe:[{}]", stat.ino),
        raw::S_IFSOCK => format!("socket:[{}]", stat.ino),
        _ => format!("anon_inode:{}", open.file.label()),
    })
}

fn target(node: &Arc<Node>) -> Result<String> {
    match &node.body {
        Body::Link(target) => Ok((**target).into()),
        Body::Magic(target, argument) => match target(*argument)? {
            Target::Path(path) => Ok(path),
            Target::Open(open) => shown(&open),
        },
        _ => Err(Errno::EINVAL),
    }
}

fn read(dirfd: i32, path: u64, buffer: UserSlice) -> Result<usize> {
    // The length is an int, and must be positive.
    if buffer.is_empty() || buffer.len() as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    let path = user::path(path)?;
    // An empty path means the descriptor itself, opened with O_PATH | O_NOFOLLOW; any other is no link.
    let flags = if dirfd == CWD { 0 } else { raw::AT_EMPTY_PATH };
    let node = match find(dirfd, &path, raw::AT_SYMLINK_NOFOLLOW | flags)? {
        Found::Node(node, _) => node,
        Found::Open(open) => match NodeFile::of(&open) {
            Some(file) if file.node.is_link() => file.node.clone(),
            _ => return Err(Errno::ENOENT),
        },
    };
    let target = target(&node)?;
    let target = names::to_bytes(&target);
    let count = target.len().min(buffer.len());
    buffer.take(count).bytes_mut()?.copy_from_slice(&target[..count]);
    Ok(count)
}

/// `readlink(const char *path, char *buf, size_t bufsiz)`
pub(super) fn readlink(args: &Args) -> Result<usize> {
    read(CWD, args.0[0], args.slice(1))
}

/// `readlinkat(int dirfd, const char *path, char *buf, size_t bufsiz)`
pub(super) fn readlinkat(args: &Args) -> Result<usize> {
    read(args.int(0), args.0[1], args.slice(2))
}
