//! Folders of the host's in the tree (FUSE over virtio-fs).
//!
//! | module | is |
//! |---|---|
//! | `wire` | messages as bytes |
//! | `session` | a mounted folder: what can be asked of it |
//! | this one | its nodes |
//!
//! A node of the host's is a node like others, with an [`Inode`] besides. What is known of it is believed as long as the host says (a fraction of a second) and then
//! asked for again, so that changes on the other side are seen. Writes go through. Pages are kept only for mappings, as copies, and go when the host's
//! file changes; a shared mapping cannot write.

mod session;
#[cfg(test)]
mod tests;
mod wire;

use super::{
    data::{Data, Origin, still_there},
    directory::{Directory, Listed},
    filesystem::Filesystem,
    node::{Body, Meta, Node, device_number},
};
use crate::{
    drivers::folder::{DATA_BYTES, Exchange},
    errno::{Errno, Result},
    event::pipe::Fifo,
    user::names,
};
use alloc::{
    sync::{Arc, Weak},
    vec::Vec,
};
use core::sync::atomic::Ordering;
use linux_raw_sys::general as raw;

pub(crate) use session::Inode;
use session::{Session, Told};
use wire::Attributes;

/// Mounts a folder: its root, for a place in the tree.
///
/// # Errors
///
/// See [`Session::start`].
pub(super) fn mount(device: &'static dyn Exchange, read_only: bool) -> Result<Arc<Node>> {
    let session = Session::start(device)?;
    let root = session.root();
    let attributes = root.attributes()?;
    if attributes.mode & raw::S_IFMT != raw::S_IFDIR {
        return Err(Errno::ENOTDIR);
    }
    let refusal = read_only.then_some(Errno::EROFS);
    let fs = Filesystem::mounted("virtiofs", raw::FUSE_SUPER_MAGIC, refusal);
    build(&fs, Weak::new(), root, &attributes)
}

/// A new node for an inode.
fn build(
    fs: &Arc<Filesystem>,
    parent: Weak<Node>,
    inode: Arc<Inode>,
    found: &Attributes,
) -> Result<Arc<Node>> {
    let body = match found.mode & raw::S_IFMT {
        raw::S_IFDIR => Body::Directory(Directory::empty(parent)),
        raw::S_IFREG => Body::Regular(Data::new(fs.clone(), Origin::Remote(inode.clone()), found.size)),
        raw::S_IFLNK => Body::Link(names::from_bytes(inode.read_link()?).into()),
        raw::S_IFIFO => Body::Fifo(Fifo::new()),
        raw::S_IFSOCK => Body::Socket(Arc::new(())),
        // The host's devices are not the guest's.
        _ => Body::Device(device_number(0, 0), || Err(Errno::EACCES)),
    };
    let node = Node::remote(fs, found.ino, body, inode.clone());
    apply(&node, &inode, found);
    let mut nodes = inode.session.nodes.lock();
    nodes.insert(inode.number, Arc::downgrade(&node));
    Ok(node)
}

/// Takes over what the host says of a node.
fn apply(node: &Node, inode: &Inode, found: &Attributes) {
    inode.believe(found.belief);
    {
        let mut meta = node.meta.lock();
        // A directory counts as 1 here, as long as it has a name.
        if found.mode & raw::S_IFMT != raw::S_IFDIR {
            meta.nlink = found.nlink;
        }
        meta.mode = meta.mode & raw::S_IFMT | found.mode & 0o7777;
        (meta.uid, meta.gid) = (found.uid, found.gid);
        (meta.atime, meta.mtime, meta.ctime) = (found.atime, found.mtime, found.ctime);
    }
    if let Some(data) = node.data() {
        let changed = inode.modified.swap(found.mtime, Ordering::Relaxed) != found.mtime;
        data.follow(found.size, changed);
    }
}

/// Asks the host about a node, if what is known is not believed any more. Where the host says nothing, what was known stays.
pub(super) fn refresh(node: &Node, inode: &Inode) {
    if !inode.is_believed()
        && let Ok(found) = inode.attributes()
    {
        apply(node, inode, &found);
    }
}

/// The inode and the names of a directory of the host's.
fn directory(dir: &Arc<Node>) -> Result<(&Arc<Inode>, &Directory)> {
    match (&dir.remote, &dir.body) {
        (Some(inode), Body::Directory(entries)) => Ok((inode, entries)),
        _ => Err(Errno::ENOTDIR),
    }
}

/// The node of a name.
pub(super) fn child(dir: &Arc<Node>, name: &str) -> Result<Arc<Node>> {
    let (inode, entries) = directory(dir)?;
    let known = entries.get(dir, name);
    if let Some(node) = known {
        // What has no inode was mounted there.
        if node.remote.as_ref().is_none_or(|remote| remote.is_believed()) {
            return Ok(node);
        }
    }
    match inode.lookup(name) {
        Ok(told) => keep(dir, name, told),
        Err(Errno::ENOENT) => {
            entries.take(dir, name);
            Err(Errno::ENOENT)
        }
        Err(errno) => Err(errno),
    }
}

/// Puts a name into a directory that the host has told of; its node may be known.
fn keep(dir: &Arc<Node>, name: &str, (inode, found): Told) -> Result<Arc<Node>> {
    let known = inode
        .session
        .nodes
        .lock()
        .get(&inode.number)
        .and_then(Weak::upgrade);
    let same = known.filter(|node| node.kind() == found.mode & raw::S_IFMT);
    let node = match same.as_ref().and_then(|node| Some((node, node.remote.as_ref()?))) {
        Some((node, remote)) => {
            remote.looked_up_as(&inode);
            apply(node, remote, &found);
            node.clone()
        }
        None => build(&dir.fs, Arc::downgrade(dir), inode, &found)?,
    };
    let (_, entries) = directory(dir)?;
    if !entries
        .get(dir, name)
        .is_some_and(|known| Arc::ptr_eq(&known, &node))
    {
        entries.take(dir, name);
        entries.insert(dir, name, node.clone())?;
        entries.trim();
    }
    Ok(node)
}

/// Makes the names of a directory those that the host has now, for a listing that begins.
///
/// # Errors
///
/// What the host says.
pub(crate) fn list(dir: &Arc<Node>) -> Result<()> {
    let (inode, entries) = directory(dir)?;
    let mut found = Vec::new();
    inode.list(&mut |entry| {
        found.push(Listed {
            cookie: 0,
            name: names::from_bytes(entry.name.to_vec()).into(),
            ino: entry.ino,
            kind: entry.kind,
        });
    })?;
    entries.follow(found);
    Ok(())
}

/// Makes on the host what `model` is here, and gives the node of that.
pub(super) fn make(dir: &Arc<Node>, name: &str, model: &Node) -> Result<Arc<Node>> {
    let (inode, _) = directory(dir)?;
    let meta = *model.meta.lock();
    let target = match &model.body {
        Body::Link(target) => Some(&**target),
        _ => None,
    };
    let told = inode.make(name, meta.mode, target, (meta.uid, meta.gid))?;
    keep(dir, name, told)
}

/// One more name for a node.
pub(super) fn link(dir: &Arc<Node>, name: &str, node: &Inode) -> Result<()> {
    let (inode, _) = directory(dir)?;
    keep(dir, name, inode.link(name, node)?).map(drop)
}

/// Marks a directory as removed by the host.
pub(super) fn abandon(node: &Node) {
    if let Body::Directory(entries) = &node.body {
        entries.abandon();
    }
    node.meta.lock().nlink = 0;
}

/// Changes attributes on the host, and then here.
pub(super) fn set(node: &Node, inode: &Inode, change: impl FnOnce(&mut Meta)) -> Result<()> {
    let old = *node.meta.lock();
    let mut new = old;
    change(&mut new);
    let wanted = Attributes {
        mode: new.mode,
        uid: new.uid,
        gid: new.gid,
        atime: new.atime,
        mtime: new.mtime,
        ..Attributes::default()
    };
    let bits = [
        (old.mode != new.mode, wire::SET_MODE),
        (old.uid != new.uid, wire::SET_UID),
        (old.gid != new.gid, wire::SET_GID),
        (old.atime != new.atime, wire::SET_ATIME),
        (old.mtime != new.mtime, wire::SET_MTIME),
    ];
    let valid = bits
        .iter()
        .filter(|(differs, _)| *differs)
        .fold(0, |all, (_, bit)| all | bit);
    if valid != 0 {
        apply(node, inode, &inode.set(valid, &wanted)?);
    }
    Ok(())
}

/// Changes a file's size on the host, and then here.
pub(super) fn truncate(node: &Node, inode: &Inode, size: u64) -> Result<()> {
    let wanted = Attributes {
        size,
        ..Attributes::default()
    };
    apply(node, inode, &inode.set(wire::SET_SIZE, &wanted)?);
    Ok(())
}

/// Writes all of `buffer`, or up to an error.
pub(super) fn write(inode: &Inode, data: &Data, offset: u64, buffer: &[u8]) -> Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        let (at, part) = (offset + done as u64, &buffer[done..]);
        // The host may take its time, and what the program has there may be gone after each part.
        let part = &part[..part.len().min(DATA_BYTES)];
        let written = still_there(part.as_ptr() as u64, part.len(), false).and_then(|()| {
            let bytes = part.to_vec();
            let count = inode.write(at, &bytes)?;
            data.wrote(at, &bytes[..count]);
            Ok(count)
        });
        match written {
            Ok(count) => done += count,
            Err(_) if done > 0 => break,
            Err(errno) => return Err(errno),
        }
    }
    // Its times have changed, and only the host knows to what.
    inode.believe(0);
    Ok(done)
}

/// `statfs(2)` of a node's file system.
///
/// # Errors
///
/// What the host says.
pub(super) fn statfs(node: &Node, inode: &Inode) -> Result<raw::statfs> {
    let mut found = inode.statfs()?;
    found.f_fsid.val[0] = node.fs.dev as i32;
    Ok(found)
}
