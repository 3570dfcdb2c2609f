//! Mounting: from a disk to a directory of the tree with all names of the volume below it.

use super::{
    Entropy, Mounted, Now, Volume,
    disk::{BLOCK, Disk},
    stack::Stack,
};
use crate::{
    drivers::block::{BlockDevice, SECTOR_SIZE},
    errno::{Errno, Result},
    event::pipe::Fifo,
    fs::{
        data::{Data, Origin},
        dev,
        directory::Directory,
        filesystem::Filesystem,
        names,
        node::{Body, Node, device_number},
    },
    user::names::from_bytes,
};
use alloc::{boxed::Box, format, string::String, sync::Arc, vec, vec::Vec};
use core::{fmt, sync::atomic::Ordering};
use linux_raw_sys::general as raw;
use rsext4::{
    DirectoryCursor, Ext4, Ext4Error, Ext4ErrorKind, InodeInfo, InodeNumber, MountOptions, MountServices,
    NoopObserver,
};
use uigniter_abi::boot_args::Mount;

/// Entries of a directory that are asked for at once.
const ENTRIES: usize = 256;

/// Why something could not be mounted; the target, and what is wrong.
#[derive(Debug)]
pub enum MountError {
    /// No block device has that id.
    NoDisk(String, String),
    /// The file system was refused.
    Refused(String, String),
    /// The target is no directory, or none can be made there.
    Target(String, Errno),
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDisk(target, id) => write!(f, "{target}: no block device has the id or the name '{id}'"),
            Self::Refused(target, why) => write!(f, "{target}: the volume cannot be mounted: {why}"),
            Self::Target(target, errno) => {
                write!(f, "{target}: there can be no directory to mount on ({errno:?})")
            }
        }
    }
}

/// Mounts the volume on the disk with this id. `memory_bytes` is the VM's: a volume's cache takes at most a sixteenth of it.
///
/// # Errors
///
/// See [`MountError`].
pub(in crate::fs) fn mount(
    root: &Arc<Node>,
    mount: &Mount,
    id: &str,
    disks: &[Arc<dyn BlockDevice>],
    memory_bytes: u64,
) -> Result<(), MountError> {
    let disk = find(disks, id).ok_or_else(|| MountError::NoDisk(mount.target.clone(), String::from(id)))?;
    mount_one(root, mount, id, disk, memory_bytes)
}

/// The disk of that id, or of that name (`vda`).
fn find<'a>(disks: &'a [Arc<dyn BlockDevice>], id: &str) -> Option<&'a Arc<dyn BlockDevice>> {
    let named = || match id.strip_prefix("vd")?.as_bytes() {
        &[letter @ b'a'..=b'z'] => disks.get(usize::from(letter - b'a')),
        _ => None,
    };
    disks.iter().find(|disk| disk.id() == id).or_else(named)
}

fn mount_one(
    root: &Arc<Node>,
    mount: &Mount,
    id: &str,
    disk: &Arc<dyn BlockDevice>,
    memory_bytes: u64,
) -> Result<(), MountError> {
    let refused = |why: String| MountError::Refused(mount.target.clone(), why);
    let target = |errno| MountError::Target(mount.target.clone(), errno);
    let (parent, name) = place(root, &mount.target).map_err(target)?;
    look_at(disk, mount.read_only).map_err(|why| refused(String::from(why)))?;
    let stack = Stack::new();
    let limit = usize::try_from(memory_bytes / 16).unwrap_or(usize::MAX) / BLOCK;
    let disk = Disk::new(disk.clone(), limit.max(64));
    let options = MountOptions {
        readonly: mount.read_only,
        replay_journal: true,
        block_validity: true,
    };
    let services = MountServices::new(Now, Entropy, NoopObserver);
    let mounted = stack
        .call(|| Ext4::mount(disk, services, options).map(Box::new))
        .ok_or_else(|| refused(String::new()))?
        .map_err(|error| refused(explain(error, mount.read_only)))?;
    let volume = Volume::new(id, mounted, stack);
    let fs = Filesystem::of_volume(volume.clone(), memory_bytes / 4 / BLOCK as u64, mount.read_only);
    let top = load(&fs, &volume, &parent).map_err(|errno| {
        refused(format!(
            "its names cannot be read ({errno:?}); check it with e2fsck"
        ))
    })?;
    names::replace(&parent, &name, top);
    Ok(())
}

/// Looks for an ext4, and for what `rsext4` 0.9 does not do right when it writes: it counts too few blocks of an indexed directory that grows in pieces, and leaves
/// bits of bitmaps unset that it is the first to write, which there are where groups have checksums.
fn look_at(disk: &Arc<dyn BlockDevice>, read_only: bool) -> Result<(), &'static str> {
    // The superblock begins at byte 1024.
    let mut bytes = [0; SECTOR_SIZE];
    if disk.read(2, &mut bytes).is_err() || bytes[0x38..0x3a] != [0x53, 0xef] {
        return Err("it holds no ext4 file system");
    }
    let has = |at: usize, feature: u16| u16::from_le_bytes([bytes[at], bytes[at + 1]]) & feature != 0;
    let (indexed, summed) = (has(0x5c, 0x20), has(0x64, 0x410));
    if !read_only && (indexed || summed) {
        return Err(
            "it has dir_index, metadata_csum or uninit_bg, which are only read; \
             make it with 'uigniter volume create' or 'mke2fs -O ^dir_index,^metadata_csum,^uninit_bg'",
        );
    }
    Ok(())
}

/// What a person can do about it.
fn explain(error: Ext4Error, read_only: bool) -> String {
    let advice = match error.kind() {
        Ext4ErrorKind::UnsupportedFeature => {
            "it uses a feature of ext4 that is not there; make it with 'uigniter volume create' or mke2fs's defaults"
        }
        Ext4ErrorKind::ReadOnly | Ext4ErrorKind::Unsupported if read_only => {
            "it was not unmounted cleanly; mount it once without ':ro', so that its journal is replayed"
        }
        _ => "it may be damaged; check it with e2fsck",
    };
    format!("{advice} ({error})")
}

/// The directory that is to have the mount, made if need be, and the name there.
///
/// # Errors
///
/// `ENOTDIR`, `EROFS`; `EBUSY` for the root.
pub(in crate::fs) fn place(root: &Arc<Node>, target: &str) -> Result<(Arc<Node>, String)> {
    let mut words = target.split('/').filter(|word| !matches!(*word, "" | "."));
    let last = words.next_back().ok_or(Errno::EBUSY)?;
    let mut dir = root.clone();
    for word in words {
        dir = match dir.child(word) {
            Ok(node) if node.is_directory() => node,
            Ok(_) => return Err(Errno::ENOTDIR),
            Err(_) => {
                let made = Node::directory(&dir.fs, 0o755, Arc::downgrade(&dir));
                let Body::Directory(entries) = &dir.body else {
                    return Err(Errno::EROFS);
                };
                entries.insert(&dir, word, made.clone())?;
                made
            }
        };
    }
    match dir.child(last) {
        Ok(node) if !node.is_directory() => Err(Errno::ENOTDIR),
        _ if matches!(dir.body, Body::Directory(_)) && last != ".." => Ok((dir, String::from(last))),
        _ => Err(Errno::EROFS),
    }
}

/// Takes all names and attributes over.
fn load(fs: &Arc<Filesystem>, volume: &Arc<Volume>, parent: &Arc<Node>) -> Result<Arc<Node>> {
    let root = volume.with(|ext4| {
        let number = ext4.root_inode();
        ext4.inode(number)
    })?;
    let body = Body::Directory(Directory::empty(Arc::downgrade(parent)));
    let top = adopt(fs, volume, &root, body);
    let mut waiting = vec![(top.clone(), root.number)];
    while let Some((dir, number)) = waiting.pop() {
        let mut cursor = DirectoryCursor::Start;
        while cursor != DirectoryCursor::End {
            let found = volume.with(|ext4| read_some(ext4, number, cursor))?;
            let Some((.., next)) = found.last() else { break };
            // A directory whose cursor stands still would be read for ever.
            if *next == cursor {
                return Err(Errno::EIO);
            }
            cursor = *next;
            for (name, info, target, _) in found {
                add(fs, volume, (&dir, name), &info, target, &mut waiting)?;
            }
        }
    }
    Ok(top)
}

/// A name with its inode, a link's target, and where reading goes on.
type Found = (Vec<u8>, InodeInfo, Vec<u8>, DirectoryCursor);

fn read_some(
    ext4: &mut Mounted,
    directory: InodeNumber,
    cursor: DirectoryCursor,
) -> rsext4::Ext4Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in ext4.read_directory(directory, cursor, ENTRIES)? {
        let info = ext4.inode(entry.inode)?;
        let mut target = Vec::new();
        if u32::from(info.mode) & raw::S_IFMT == raw::S_IFLNK {
            target.resize(info.size.min(BLOCK as u64) as usize, 0);
            let count = ext4.read_inode(entry.inode, 0, &mut target)?;
            target.truncate(count);
        }
        found.push((entry.name, info, target, entry.next_cursor));
    }
    Ok(found)
}

/// Puts one name into the tree.
fn add(
    fs: &Arc<Filesystem>,
    volume: &Arc<Volume>,
    (dir, name): (&Arc<Node>, Vec<u8>),
    info: &InodeInfo,
    target: Vec<u8>,
    waiting: &mut Vec<(Arc<Node>, InodeNumber)>,
) -> Result<()> {
    if matches!(&*name, b"." | b"..") {
        return Ok(());
    }
    let Body::Directory(entries) = &dir.body else {
        return Err(Errno::EIO);
    };
    let known = volume.node(info.number.raw());
    let node = match known {
        // Two names of one directory are a loop, or will be one.
        Some(node) if node.is_directory() => return Err(Errno::EIO),
        Some(node) => node,
        None => adopt(fs, volume, info, body(fs, dir, info, target)?),
    };
    if node.is_directory() {
        waiting.push((node.clone(), info.number));
    }
    entries.insert(dir, &from_bytes(name), node)
}

fn body(fs: &Arc<Filesystem>, dir: &Arc<Node>, info: &InodeInfo, target: Vec<u8>) -> Result<Body> {
    let mode = u32::from(info.mode);
    let number = || {
        let number = info.device_number.unwrap_or(rsext4::DeviceNumber::ZERO);
        device_number(u64::from(number.major()), u64::from(number.minor()))
    };
    Ok(match mode & raw::S_IFMT {
        raw::S_IFDIR => Body::Directory(Directory::empty(Arc::downgrade(dir))),
        raw::S_IFREG => Body::Regular(Data::new(fs.clone(), Origin::Volume, info.size)),
        raw::S_IFLNK => Body::Link(from_bytes(target).into()),
        raw::S_IFIFO => Body::Fifo(Fifo::new()),
        raw::S_IFSOCK => Body::Socket(Arc::new(())),
        raw::S_IFCHR | raw::S_IFBLK => Body::Device(number(), dev::opener(mode, number())),
        _ => return Err(Errno::EIO),
    })
}

/// A node for an inode that is on the disk.
fn adopt(fs: &Arc<Filesystem>, volume: &Arc<Volume>, info: &InodeInfo, body: Body) -> Arc<Node> {
    let node = Node::new(fs, u32::from(info.mode), body);
    let nanoseconds = |seconds: u32| u64::from(seconds) * 1_000_000_000;
    let mut meta = node.meta.lock();
    (meta.uid, meta.gid) = (info.uid, info.gid);
    if !node.is_directory() {
        meta.nlink = u32::from(info.links);
    }
    meta.atime = nanoseconds(info.atime);
    meta.mtime = nanoseconds(info.mtime);
    meta.ctime = nanoseconds(info.ctime);
    drop(meta);
    volume.knows(info.number.raw(), info.blocks, &node);
    node
}

impl Volume {
    /// Notes which node an inode is.
    pub(super) fn knows(&self, inode: u32, blocks: u64, node: &Arc<Node>) {
        node.ino.store(u64::from(inode), Ordering::Relaxed);
        if let Some(data) = node.data() {
            data.is_inode(inode, blocks);
        }
        self.nodes.lock().insert(inode, Arc::downgrade(node));
    }

    /// The node of an inode, if there is one already.
    fn node(&self, inode: u32) -> Option<Arc<Node>> {
        self.nodes.lock().get(&inode).and_then(alloc::sync::Weak::upgrade)
    }
}
