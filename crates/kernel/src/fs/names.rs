//! Making, moving and removing names.
//!
//! Each function is one step for the rest of the kernel: nothing in it blocks, so no other thread sees it half done. On a volume the disk does it first, which
//! may block; a [`Change`] keeps others from the volume's names meanwhile.

use super::{
    data::Origin,
    dev,
    directory::Directory,
    fuse, inotify,
    node::{Body, Node},
    path::{At, Last},
    permission::{Asker, WRITE},
    volume::Change,
};
use crate::{
    errno::{Errno, Result},
    event::pipe::Fifo,
};
use alloc::{boxed::Box, sync::Arc};
use core::{any::Any, sync::atomic::Ordering};
use linux_raw_sys::general as raw;

/// The entries of a directory in which names can be made or removed; `refusal` is the answer of those in which they cannot.
fn entries(dir: &Arc<Node>, refusal: Option<Errno>) -> Result<&Directory> {
    match (&dir.body, dir.fs.refusal) {
        (_, Some(Errno::EROFS)) => Err(Errno::EROFS),
        (Body::Directory(directory), None) => Ok(directory),
        (_, own) => Err(refusal.or(own).unwrap_or(Errno::EPERM)),
    }
}

/// Gives a new node a name. `directory` says if slashes may come after it.
fn make(last: &Last, directory: bool, build: impl FnOnce(&Arc<Node>) -> Arc<Node>) -> Result<Arc<Node>> {
    let change = Change::begin(&last.dir.fs);
    if last.is_special() || last.node().is_ok() {
        return Err(Errno::EEXIST);
    }
    if last.slash && !directory {
        return Err(Errno::ENOENT);
    }
    let asker = Asker::current();
    asker.may_add(&last.dir)?;
    let entries = entries(&last.dir, None)?;
    if entries.is_removed() {
        return Err(Errno::ENOENT);
    }
    let node = build(&last.dir);
    asker.own(&node, &last.dir);
    change.make(&last.dir, &last.name, &node)?;
    let node = if last.dir.remote.is_some() {
        fuse::make(&last.dir, &last.name, &node)?
    } else {
        entries.insert(&last.dir, &last.name, node.clone())?;
        node
    };
    last.dir.modified();
    inotify::named(&last.dir, &last.name, &node, raw::IN_CREATE, 0);
    Ok(node)
}

/// Makes a regular file (`open(2)` with `O_CREAT`, `mknod(2)`).
///
/// # Errors
///
/// As `open(2)`.
pub(crate) fn make_regular(last: &Last, permissions: u32) -> Result<Arc<Node>> {
    make(last, false, |dir| Node::regular(&dir.fs, permissions))
}

/// `mkdir(2)`.
///
/// # Errors
///
/// As the man page has them.
pub(crate) fn mkdir(at: &At<'_>, permissions: u32) -> Result<Arc<Node>> {
    make(&at.parent()?, true, |dir| {
        Node::directory(&dir.fs, permissions, Arc::downgrade(dir))
    })
}

/// `symlink(2)`.
///
/// # Errors
///
/// As the man page has them.
pub(crate) fn symlink(target: &str, at: &At<'_>) -> Result<()> {
    if target.is_empty() {
        return Err(Errno::ENOENT);
    }
    make(&at.parent()?, false, |dir| {
        Node::new(&dir.fs, raw::S_IFLNK | 0o777, Body::Link(Box::from(target)))
    })
    .map(drop)
}

/// Makes a named pipe (`mkfifo(3)`).
///
/// # Errors
///
/// As `mknod(2)`.
pub(crate) fn make_fifo(last: &Last, permissions: u32) -> Result<Arc<Node>> {
    make(last, false, |dir| {
        Node::new(&dir.fs, raw::S_IFIFO | permissions, Body::Fifo(Fifo::new()))
    })
}

/// Makes a device of a number (`mknod(2)`): another name for one of `/dev`, or one of a device that is not there. `mode` has its type.
///
/// # Errors
///
/// As `mknod(2)`.
pub(crate) fn make_device(last: &Last, mode: u32, device: u64) -> Result<Arc<Node>> {
    make(last, false, |dir| {
        Node::new(&dir.fs, mode, Body::Device(device, dev::opener(mode, device)))
    })
}

/// Makes a socket's name with no socket behind it (`mknod(2)`).
///
/// # Errors
///
/// As `mknod(2)`.
pub(crate) fn make_dead_socket(last: &Last, permissions: u32) -> Result<Arc<Node>> {
    make(last, false, |dir| {
        Node::new(&dir.fs, raw::S_IFSOCK | permissions, Body::Socket(Arc::new(())))
    })
}

/// Makes the name of a bound socket (`unix(7)`).
///
/// # Errors
///
/// As `bind(2)`, but `EEXIST` where that has `EADDRINUSE`.
pub(crate) fn make_socket(
    at: &At<'_>,
    permissions: u32,
    socket: Arc<dyn Any + Send + Sync>,
) -> Result<Arc<Node>> {
    make(&at.parent()?, false, |dir| {
        Node::new(&dir.fs, raw::S_IFSOCK | permissions, Body::Socket(socket))
    })
}

/// Puts a node where there may be something already (mounting, and what the kernel adds to an image).
pub(super) fn replace(dir: &Arc<Node>, name: &str, node: Arc<Node>) {
    if let Body::Directory(entries) = &dir.body {
        entries.take(dir, name);
        // Cannot fail: the name is free now, and the directory is not removed.
        let _ = entries.insert(dir, name, node);
    }
}

/// Adds a small file unless the name is there.
pub(super) fn add_text(dir: &Arc<Node>, name: &str, text: &str) {
    if dir.child(name).is_err() {
        replace(dir, name, Node::with_text(&dir.fs, 0o644, text));
    }
}

/// `link(2)`: one more name for a node.
///
/// # Errors
///
/// As the man page has them.
pub(crate) fn link(node: &Arc<Node>, at: &At<'_>) -> Result<()> {
    let last = at.parent()?;
    let change = Change::begin(&last.dir.fs);
    if last.is_special() || last.node().is_ok() {
        return Err(Errno::EEXIST);
    }
    if last.slash {
        return Err(Errno::ENOENT);
    }
    if node.fs.dev != last.dir.fs.dev {
        return Err(Errno::EXDEV);
    }
    Asker::current().may_add(&last.dir)?;
    if node.is_directory() {
        return Err(Errno::EPERM);
    }
    let meta = *node.meta.lock();
    if meta.nlink == 0 && !meta.linkable {
        return Err(Errno::ENOENT);
    }
    let entries = entries(&last.dir, None)?;
    if entries.is_removed() {
        return Err(Errno::ENOENT);
    }
    change.link(&last.dir, &last.name, node)?;
    if let Some(inode) = &node.remote {
        fuse::link(&last.dir, &last.name, inode)?;
    } else {
        entries.insert(&last.dir, &last.name, node.clone())?;
        node.change(|meta| {
            meta.nlink += 1;
            meta.linkable = false;
        });
    }
    last.dir.modified();
    inotify::itself(node, raw::IN_ATTRIB);
    inotify::named(&last.dir, &last.name, node, raw::IN_CREATE, 0);
    Ok(())
}

/// `unlink(2)`.
///
/// # Errors
///
/// As the man page has them.
pub(crate) fn unlink(at: &At<'_>) -> Result<()> {
    let last = at.parent()?;
    let change = Change::begin(&last.dir.fs);
    if last.is_special() {
        return Err(Errno::EISDIR);
    }
    let node = last.node()?;
    if last.slash {
        return Err(if node.is_directory() {
            Errno::EISDIR
        } else {
            Errno::ENOTDIR
        });
    }
    Asker::current().may_take(&last.dir, &node)?;
    if node.is_directory() {
        return Err(Errno::EISDIR);
    }
    let entries = entries(&last.dir, Some(Errno::EPERM))?;
    change.unlink(&last.dir, &last.name, false)?;
    if let Some(dir) = &last.dir.remote {
        if node.fs.dev != last.dir.fs.dev {
            return Err(Errno::EBUSY);
        }
        dir.remove(&last.name, false)?;
    }
    entries.take(&last.dir, &last.name);
    node.change(|meta| meta.nlink = meta.nlink.saturating_sub(1));
    last.dir.modified();
    inotify::itself(&node, raw::IN_ATTRIB);
    inotify::named(&last.dir, &last.name, &node, raw::IN_DELETE, 0);
    end_watches(&node);
    Ok(())
}

/// `rmdir(2)`.
///
/// # Errors
///
/// As the man page has them.
pub(crate) fn rmdir(at: &At<'_>) -> Result<()> {
    let last = at.parent()?;
    let change = Change::begin(&last.dir.fs);
    match &*last.name {
        "." => return Err(Errno::EINVAL),
        ".." => return Err(Errno::ENOTEMPTY),
        "/" => return Err(Errno::EBUSY),
        _ => {}
    }
    let node = last.node()?;
    Asker::current().may_take(&last.dir, &node)?;
    if !node.is_directory() {
        return Err(Errno::ENOTDIR);
    }
    let entries = entries(&last.dir, Some(Errno::EPERM))?;
    match &last.dir.remote {
        Some(dir) if node.remote.is_some() => {
            dir.remove(&last.name, true)?;
            fuse::abandon(&node);
        }
        _ => {
            may_retire(&node, &last.dir)?;
            change.unlink(&last.dir, &last.name, true)?;
            retire(&node, &last.dir)?;
        }
    }
    entries.take(&last.dir, &last.name);
    last.dir.modified();
    inotify::named(&last.dir, &last.name, &node, raw::IN_DELETE, 0);
    end_watches(&node);
    Ok(())
}

/// Nobody can come to a node any more that has no name and is not open.
fn end_watches(node: &Arc<Node>) {
    if node.meta.lock().nlink == 0 && node.opens.load(Ordering::Relaxed) == 0 {
        inotify::gone(node);
    }
}

/// Asks if a directory below `dir` could be removed.
fn may_retire(node: &Arc<Node>, dir: &Arc<Node>) -> Result<()> {
    if node.fs.dev != dir.fs.dev {
        return Err(Errno::EBUSY);
    }
    match &node.body {
        Body::Directory(directory) if directory.is_empty(node) => Ok(()),
        Body::Directory(_) => Err(Errno::ENOTEMPTY),
        _ => Err(Errno::EPERM),
    }
}

/// Marks a directory below `dir` as removed.
fn retire(node: &Arc<Node>, dir: &Arc<Node>) -> Result<()> {
    if node.fs.dev != dir.fs.dev {
        return Err(Errno::EBUSY);
    }
    let Body::Directory(directory) = &node.body else {
        return Err(Errno::EPERM);
    };
    directory.retire(node)?;
    node.change(|meta| meta.nlink = 0);
    Ok(())
}

/// True if `node` is `directory` or above it.
fn contains(node: &Arc<Node>, directory: &Arc<Node>) -> bool {
    let mut at = directory.clone();
    loop {
        if Arc::ptr_eq(node, &at) {
            return true;
        }
        match at.parent() {
            Some(parent) if !Arc::ptr_eq(&parent, &at) => at = parent,
            _ => return false,
        }
    }
}

/// `renameat2(2)`; flags are known ones.
///
/// # Errors
///
/// As the man page has them.
pub(crate) fn rename(old: &At<'_>, new: &At<'_>, flags: u32) -> Result<()> {
    let (old, new) = (old.parent()?, new.parent()?);
    let exchange = flags & raw::RENAME_EXCHANGE != 0;
    let change = Change::begin(&old.dir.fs);
    if old.dir.fs.dev != new.dir.fs.dev {
        return Err(Errno::EXDEV);
    }
    if old.is_special() {
        return Err(Errno::EBUSY);
    }
    if new.is_special() {
        return Err(if flags & raw::RENAME_NOREPLACE != 0 {
            Errno::EEXIST
        } else {
            Errno::EBUSY
        });
    }
    let node = old.node()?;
    let target = match new.node() {
        Ok(_) if flags & raw::RENAME_NOREPLACE != 0 => return Err(Errno::EEXIST),
        Ok(target) => Some(target),
        Err(errno) if exchange => return Err(errno),
        Err(_) => None,
    };
    if !node.is_directory() && (old.slash || (new.slash && !exchange)) {
        return Err(Errno::ENOTDIR);
    }
    if let Some(target) = &target
        && exchange
        && new.slash
        && !target.is_directory()
    {
        return Err(Errno::ENOTDIR);
    }
    if contains(&node, &new.dir) {
        return Err(Errno::EINVAL);
    }
    if let Some(target) = &target
        && contains(target, &old.dir)
    {
        return Err(if exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
    }
    if target.as_ref().is_some_and(|target| Arc::ptr_eq(target, &node)) {
        return Ok(());
    }
    move_name(&change, (&old, &new), &node, target, exchange)
}

/// The second half of a rename: what the two nodes are, and the move.
fn move_name(
    change: &Change<'_>,
    (old, new): (&Last, &Last),
    node: &Arc<Node>,
    target: Option<Arc<Node>>,
    exchange: bool,
) -> Result<()> {
    may_move(old, new, node, target.as_ref())?;
    let from = entries(&old.dir, Some(Errno::EPERM))?;
    let to = entries(&new.dir, Some(Errno::EPERM))?;
    let mounted = |node: &Arc<Node>| node.fs.dev != old.dir.fs.dev;
    if mounted(node) || target.as_ref().is_some_and(mounted) {
        return Err(Errno::EBUSY);
    }
    if to.is_removed() {
        return Err(Errno::ENOENT);
    }
    if let (Some(from), Some(to)) = (&old.dir.remote, &new.dir.remote) {
        let flags = if exchange { raw::RENAME_EXCHANGE } else { 0 };
        from.rename(&old.name, to, &new.name, flags)?;
        match target.as_ref().filter(|_| !exchange) {
            Some(target) if target.is_directory() => fuse::abandon(target),
            Some(target) => target.change(|meta| meta.nlink = meta.nlink.saturating_sub(1)),
            None => {}
        }
    } else {
        make_way(change, (old, new), node, target.as_ref(), exchange)?;
    }
    from.take(&old.dir, &old.name);
    to.take(&new.dir, &new.name);
    to.insert(&new.dir, &new.name, node.clone())?;
    if exchange && let Some(target) = &target {
        from.insert(&old.dir, &old.name, target.clone())?;
    }
    node.change(|_| ());
    old.dir.modified();
    new.dir.modified();
    tell_of_move(old, new, node);
    if let Some(target) = target {
        if exchange {
            tell_of_move(new, old, &target);
        } else {
            inotify::itself(&target, raw::IN_ATTRIB);
            end_watches(&target);
        }
    }
    Ok(())
}

/// Moves the name on a volume, and takes the new one from who had it.
fn make_way(
    change: &Change<'_>,
    (old, new): (&Last, &Last),
    node: &Arc<Node>,
    target: Option<&Arc<Node>>,
    exchange: bool,
) -> Result<()> {
    let replaced = target.filter(|_| !exchange);
    match replaced.map(|target| (target, node.is_directory(), target.is_directory())) {
        Some((_, true, false)) => return Err(Errno::ENOTDIR),
        Some((_, false, true)) => return Err(Errno::EISDIR),
        Some((target, true, true)) => may_retire(target, &new.dir)?,
        Some((_, false, false)) | None => {}
    }
    change.rename((&old.dir, &old.name), (&new.dir, &new.name), exchange)?;
    match replaced {
        Some(target) if target.is_directory() => retire(target, &new.dir)?,
        Some(target) => target.change(|meta| meta.nlink = meta.nlink.saturating_sub(1)),
        None => {}
    }
    Ok(())
}

/// Asks if both directories let the names change, and a directory that gets another parent itself.
fn may_move(old: &Last, new: &Last, node: &Arc<Node>, target: Option<&Arc<Node>>) -> Result<()> {
    let asker = Asker::current();
    asker.may_take(&old.dir, node)?;
    match target {
        Some(target) => asker.may_take(&new.dir, target)?,
        None => asker.may_add(&new.dir)?,
    }
    let moves = !Arc::ptr_eq(&old.dir, &new.dir);
    for node in [Some(node), target].into_iter().flatten() {
        if moves && node.is_directory() {
            asker.may(node, WRITE)?;
        }
    }
    Ok(())
}

/// Those who opened it by its old name learn the new one, and those who watch.
fn tell_of_move(old: &Last, new: &Last, node: &Arc<Node>) {
    *node.moved.lock() = Some((Arc::downgrade(&new.dir), Box::from(&*new.name)));
    let cookie = inotify::cookie();
    inotify::named(&old.dir, &old.name, node, raw::IN_MOVED_FROM, cookie);
    inotify::named(&new.dir, &new.name, node, raw::IN_MOVED_TO, cookie);
    inotify::itself(node, raw::IN_MOVE_SELF);
}

/// A nameless file on the file system of a directory (`O_TMPFILE`).
pub(crate) fn make_nameless(dir: &Arc<Node>, permissions: u32) -> Result<Arc<Node>> {
    dir.fs.may_change()?;
    if dir.fs.refusal.is_some() || dir.fs.volume().is_some() || dir.remote.is_some() {
        return Err(Errno::EOPNOTSUPP);
    }
    let data = super::data::Data::new(dir.fs.clone(), Origin::Empty, 0);
    let node = Node::new(&dir.fs, raw::S_IFREG | permissions, Body::Regular(data));
    node.meta.lock().nlink = 0;
    Ok(node)
}
