//! `open(2)`: from a path and flags to an open file description.

use super::{
    file::NodeFile,
    names,
    node::{Body, Node},
    path::{At, Found},
    permission::{Asker, READ, WRITE},
};
use crate::{
    errno::{Errno, Result},
    event::pipe::PipeEnd,
    file::OpenFile,
};
use alloc::{boxed::Box, sync::Arc};
use linux_raw_sys::general as raw;

/// Flags that matter while opening only, and are not part of the description (`F_GETFL` in `fcntl(2)`).
const CREATION_FLAGS: u32 = raw::O_CREAT | raw::O_EXCL | raw::O_NOCTTY | raw::O_TRUNC | raw::O_CLOEXEC;

/// Opens; `permissions` are those of a file that is made, the umask taken off.
///
/// # Errors
///
/// As `open(2)`.
pub(crate) fn open(at: &At<'_>, flags: u32, permissions: u32) -> Result<Arc<OpenFile>> {
    // With O_PATH, the others but these are ignored (open(2)).
    let flags = match flags & raw::O_PATH {
        0 => flags,
        _ => flags & (raw::O_PATH | raw::O_DIRECTORY | raw::O_NOFOLLOW | raw::O_CLOEXEC),
    };
    if flags & raw::O_TMPFILE == raw::O_TMPFILE {
        return open_nameless(at, flags, permissions);
    }
    if flags & raw::O_CREAT != 0 {
        return open_or_make(at, flags, permissions);
    }
    open_found(at.find(flags & raw::O_NOFOLLOW == 0)?, flags)
}

fn open_nameless(at: &At<'_>, flags: u32, permissions: u32) -> Result<Arc<OpenFile>> {
    if flags & raw::O_ACCMODE == raw::O_RDONLY {
        return Err(Errno::EINVAL);
    }
    let dir = at.find(true)?.node()?;
    if !dir.is_directory() {
        return Err(Errno::ENOTDIR);
    }
    at.asker.may_add(&dir)?;
    let node = names::make_nameless(&dir, permissions)?;
    at.asker.own(&node, &dir);
    node.meta.lock().linkable = flags & raw::O_EXCL == 0;
    finish(NodeFile::new(node, None, flags)?, flags)
}

fn open_or_make(at: &At<'_>, flags: u32, permissions: u32) -> Result<Arc<OpenFile>> {
    if flags & raw::O_DIRECTORY != 0 {
        return Err(Errno::EINVAL);
    }
    let through = flags & (raw::O_EXCL | raw::O_NOFOLLOW) == 0;
    let (last, found) = if through {
        at.parent_through_links()?
    } else {
        let last = at.parent()?;
        let found = match last.node() {
            Ok(node) => Some(Found::Node(node, at.parent()?)),
            Err(Errno::ENOENT) => None,
            Err(errno) => return Err(errno),
        };
        (last, found)
    };
    match last.is_special() {
        true if flags & raw::O_EXCL != 0 => return Err(Errno::EEXIST),
        true => return Err(Errno::EISDIR),
        false if last.slash => return Err(Errno::EISDIR),
        false => {}
    }
    match found {
        Some(_) if flags & raw::O_EXCL != 0 => Err(Errno::EEXIST),
        Some(Found::Node(node, _)) if node.is_directory() => Err(Errno::EISDIR),
        Some(found) => open_found(found, flags),
        None => {
            let node = names::make_regular(&last, permissions)?;
            // Nothing to truncate, and the permissions are for those who come later.
            let place = Some((last.dir, Box::from(&*last.name)));
            finish(NodeFile::new(node, place, flags)?, flags)
        }
    }
}

fn open_found(found: Found, flags: u32) -> Result<Arc<OpenFile>> {
    match found {
        Found::Node(node, last) => open_node(node, Some((last.dir, last.name.into_boxed_str())), flags),
        Found::Open(open) => match NodeFile::of(&open) {
            Some(file) => open_node(file.node.clone(), file.place(), flags),
            None if let Some(end) = open.file.as_any().downcast_ref::<PipeEnd>() => Ok(OpenFile::new(
                end.pipe().open(flags)?,
                flags & !CREATION_FLAGS | raw::O_LARGEFILE,
            )),
            // What has no node (a socket's peer, the console) cannot be opened anew, only shared.
            None if flags & raw::O_DIRECTORY != 0 => Err(Errno::ENOTDIR),
            None if open.file.stat()?.mode & raw::S_IFMT == raw::S_IFSOCK => Err(Errno::ENXIO),
            None => Ok(open),
        },
    }
}

/// Opens a node that is there.
fn open_node(node: Arc<Node>, place: Option<(Arc<Node>, Box<str>)>, flags: u32) -> Result<Arc<OpenFile>> {
    if flags & raw::O_DIRECTORY != 0 && !node.is_directory() {
        return Err(Errno::ENOTDIR);
    }
    if flags & raw::O_PATH != 0 {
        return finish(NodeFile::new(node, place, flags)?, flags);
    }
    if node.is_link() {
        return Err(Errno::ELOOP);
    }
    let writes = flags & raw::O_ACCMODE != raw::O_RDONLY;
    if node.is_directory() && (writes || flags & raw::O_TRUNC != 0) {
        return Err(Errno::EISDIR);
    }
    may_open(&node, flags)?;
    if (writes || flags & raw::O_TRUNC != 0) && matches!(node.body, Body::Regular(_)) {
        node.fs.may_change()?;
    }
    if writes && matches!(node.body, Body::Text(_, _, None)) {
        return Err(Errno::EACCES);
    }
    if (writes || flags & raw::O_TRUNC != 0) && super::is_running(&node) {
        return Err(Errno::ETXTBSY);
    }
    let file = NodeFile::new(node, place, flags)?;
    if flags & raw::O_TRUNC != 0 && file.node.data().is_some() {
        file.node.truncate(0)?;
        file.node.modified();
        file.happened(raw::IN_MODIFY);
    }
    finish(file, flags)
}

/// Asks for what an access mode and flags mean.
fn may_open(node: &Arc<Node>, flags: u32) -> Result<()> {
    let asker = Asker::current();
    let wanted = match flags & raw::O_ACCMODE {
        raw::O_RDONLY => READ,
        raw::O_WRONLY => WRITE,
        _ => READ | WRITE,
    };
    let truncates = if flags & raw::O_TRUNC != 0 { WRITE } else { 0 };
    asker.may(node, wanted | truncates)?;
    // Hiding that a file was read is its owner's right.
    let meta = *node.meta.lock();
    if flags & raw::O_NOATIME != 0 && !asker.owns(&meta) {
        return Err(Errno::EPERM);
    }
    Ok(())
}

fn finish(file: Arc<NodeFile>, flags: u32) -> Result<Arc<OpenFile>> {
    // Every open on a 64-bit system is one of a large file, and F_GETFL shows it.
    let large = if flags & raw::O_PATH == 0 {
        raw::O_LARGEFILE
    } else {
        0
    };
    file.happened(raw::IN_OPEN);
    Ok(OpenFile::new(file, flags & !CREATION_FLAGS | large))
}
