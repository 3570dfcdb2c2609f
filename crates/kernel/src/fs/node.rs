//! A node: a file, directory, link, device or socket of the one name space.
//!
//! There is one tree. What the image holds, what was written since, what the kernel makes up (`/proc`, `/sys`) and devices are nodes of
//! different [`Body`]; a mounted file system is a directory whose [`Filesystem`] is another than its parent's. Directories of the image and of static
//! tables become nodes when somebody first looks into them ([`Directory`]), so that the boot pays for none of them.

use super::{
    data::{Data, Origin},
    directory::Directory,
    filesystem::Filesystem,
    fuse::{self, Inode},
    image::{ImageKind, ImageTree},
    permission::{Asker, without_set_ids},
    table::{Computed, Entry, Kind, MakeText, OpenDevice, Set, Target},
    xattr::Attributes,
};
use crate::{
    errno::{Errno, Result},
    event::pipe::Fifo,
    file::Stat,
    sync::Lock,
    time,
    user::names,
};
use alloc::{
    boxed::Box,
    sync::{Arc, Weak},
};
use core::{
    any::Any,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};
use linux_raw_sys::general as raw;

/// Attributes that change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    /// Type and permissions.
    pub(crate) mode: u32,
    /// True for a nameless file that may be given a name (`O_TMPFILE` in `open(2)`).
    pub(crate) linkable: bool,
    /// Names; of a directory, 1 as long as it has one.
    pub(crate) nlink: u32,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Times, ns since the epoch: last access (set by `utimensat(2)` only: mounted `noatime`).
    pub(crate) atime: u64,
    /// Last change of the contents.
    pub(crate) mtime: u64,
    /// Last change of the contents or of these attributes.
    pub(crate) ctime: u64,
}

/// What a node is.
pub(crate) enum Body {
    /// A directory.
    Directory(Directory),
    /// A directory whose contents are computed at each look, and its parent.
    Computed(&'static dyn Computed, Weak<Node>),
    /// A regular file.
    Regular(Data),
    /// A symbolic link to a fixed path.
    Link(Box<str>),
    /// A link that leads wherever its function says (`/proc/self/exe`).
    Magic(fn(u64) -> Result<Target>, u64),
    /// A file of the kernel's: its text, made anew for each reading, and what takes writes.
    Text(MakeText, u64, Option<Set>),
    /// A character device: its number, and what is opened.
    Device(u64, OpenDevice),
    /// A named pipe.
    Fifo(Fifo),
    /// A named socket; what it is bound to is the network's affair.
    Socket(Arc<dyn Any + Send + Sync>),
}

/// A node of the tree.
pub(crate) struct Node {
    /// The file system that it belongs to.
    pub(crate) fs: Arc<Filesystem>,
    /// Inode number; of a volume's node that is being made, 0.
    pub(crate) ino: AtomicU64,
    /// Attributes.
    pub(crate) meta: Lock<Meta>,
    /// Extended attributes, if it ever had any.
    pub(crate) attributes: Lock<Option<Box<Attributes>>>,
    /// What it is.
    pub(crate) body: Body,
    /// Time of its making, ns since the epoch.
    pub(crate) btime: u64,
    /// The directory and name that it was moved to last, for those who opened it by an older one.
    pub(super) moved: Lock<Option<(Weak<Node>, Box<str>)>>,
    /// How often it is open.
    pub(super) opens: AtomicU32,
    /// What it is on the host, if it is a file of the host's.
    pub(crate) remote: Option<Arc<Inode>>,
}

impl core::fmt::Debug for Node {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Node({}:{})", self.fs.name, self.number())
    }
}

/// The number of a device as `st_rdev` has it (`makedev(3)`, for small numbers).
pub(crate) const fn device_number(major: u64, minor: u64) -> u64 {
    (major << 8) | minor
}

impl Node {
    /// A new node without a name.
    pub(crate) fn new(fs: &Arc<Filesystem>, mode: u32, body: Body) -> Arc<Self> {
        Arc::new(Self::made_now(fs, mode, body))
    }

    /// A node of this moment, owned by root.
    fn made_now(fs: &Arc<Filesystem>, mode: u32, body: Body) -> Self {
        let now = time::realtime();
        let meta = Meta {
            mode,
            linkable: false,
            nlink: 1,
            uid: 0,
            gid: 0,
            atime: now,
            mtime: now,
            ctime: now,
        };
        Self {
            fs: fs.clone(),
            ino: AtomicU64::new(match fs.volume() {
                Some(_) => 0,
                None => fs.next_inode(),
            }),
            meta: Lock::new(meta),
            attributes: Lock::new(None),
            body,
            btime: now,
            moved: Lock::new(None),
            opens: AtomicU32::new(0),
            remote: None,
        }
    }

    /// A node that is on the host; its attributes are still to be taken over.
    pub(super) fn remote(fs: &Arc<Filesystem>, ino: u64, body: Body, inode: Arc<Inode>) -> Arc<Self> {
        let kind = match &body {
            Body::Directory(_) => raw::S_IFDIR,
            Body::Link(_) => raw::S_IFLNK,
            Body::Fifo(_) => raw::S_IFIFO,
            Body::Socket(_) => raw::S_IFSOCK,
            Body::Device(..) => raw::S_IFCHR,
            _ => raw::S_IFREG,
        };
        let mut node = Self::made_now(fs, kind, body);
        (node.ino, node.remote) = (AtomicU64::new(ino), Some(inode));
        Arc::new(node)
    }

    /// A new, empty regular file.
    pub(crate) fn regular(fs: &Arc<Filesystem>, permissions: u32) -> Arc<Self> {
        let data = Data::new(fs.clone(), Origin::of_new(fs), 0);
        Self::new(fs, raw::S_IFREG | permissions, Body::Regular(data))
    }

    /// A regular file that begins with this text.
    pub(crate) fn with_text(fs: &Arc<Filesystem>, permissions: u32, text: &str) -> Arc<Self> {
        let data = Data::new(
            fs.clone(),
            Origin::Bytes(text.as_bytes().into()),
            text.len() as u64,
        );
        Self::new(fs, raw::S_IFREG | permissions, Body::Regular(data))
    }

    /// A new, empty directory below `parent` (which does not have it yet).
    pub(crate) fn directory(fs: &Arc<Filesystem>, permissions: u32, parent: Weak<Self>) -> Arc<Self> {
        Self::new(
            fs,
            raw::S_IFDIR | permissions,
            Body::Directory(Directory::empty(parent)),
        )
    }

    /// The root of a tree: its own parent.
    pub(crate) fn root(fs: &Arc<Filesystem>, image: Option<&Arc<ImageTree>>) -> Arc<Self> {
        Arc::new_cyclic(|this| {
            let (mode, directory) = match image {
                Some(image) => (
                    image.attributes(ImageTree::ROOT).mode,
                    Directory::of_image(this.clone(), image.clone(), ImageTree::ROOT),
                ),
                None => (raw::S_IFDIR | 0o755, Directory::empty(this.clone())),
            };
            Self::made_now(fs, mode, Body::Directory(directory))
        })
    }

    /// The node for an inode of the image.
    pub(crate) fn of_image(
        fs: &Arc<Filesystem>,
        parent: Weak<Self>,
        image: &Arc<ImageTree>,
        inode: u32,
    ) -> Option<Arc<Self>> {
        let body = match image.kind(inode)? {
            ImageKind::Directory => Body::Directory(Directory::of_image(parent, image.clone(), inode)),
            ImageKind::Regular(extent) => Body::Regular(Data::new(
                fs.clone(),
                Origin::Image(image.image().clone(), extent),
                extent.size,
            )),
            ImageKind::Link(target) => Body::Link(target.into()),
        };
        let attributes = image.attributes(inode);
        let node = Self::new(fs, attributes.mode, body);
        let mut meta = node.meta.lock();
        meta.nlink = image.names(inode);
        (meta.uid, meta.gid) = (attributes.uid, attributes.gid);
        if let Some(modified) = attributes.modified {
            (meta.atime, meta.mtime, meta.ctime) = (modified, modified, modified);
        }
        drop(meta);
        Some(node)
    }

    /// The node for a row of a static table.
    pub(crate) fn of_entry(
        fs: &Arc<Filesystem>,
        parent: Weak<Self>,
        entry: &Entry,
        argument: u64,
    ) -> Arc<Self> {
        let (kind, body) = match entry.kind {
            Kind::Directory(entries) => (
                raw::S_IFDIR,
                Body::Directory(Directory::of_table(parent, entries, argument)),
            ),
            Kind::Computed(computed) => (raw::S_IFDIR, Body::Computed(computed, parent)),
            Kind::Text(text) => (raw::S_IFREG, Body::Text(text, argument, None)),
            Kind::Setting(text, set) => (raw::S_IFREG, Body::Text(text, argument, Some(set))),
            Kind::Link(target) => (raw::S_IFLNK, Body::Link(target.into())),
            Kind::Magic(target) => (raw::S_IFLNK, Body::Magic(target, argument)),
            Kind::Device(major, minor, open) => {
                (raw::S_IFCHR, Body::Device(device_number(major, minor), open))
            }
        };
        Self::new(fs, kind | entry.permissions, body)
    }

    /// Inode number.
    pub(crate) fn number(&self) -> u64 {
        self.ino.load(Ordering::Relaxed)
    }

    /// Tells its volume, if it is on one, that attributes or mapped pages changed.
    fn touched(&self) {
        if let Some(volume) = self.fs.volume()
            && let Ok(inode @ 1..) = u32::try_from(self.number())
        {
            volume.touched(inode);
        }
    }

    /// The type bits of the mode.
    pub(crate) fn kind(&self) -> u32 {
        self.meta.lock().mode & raw::S_IFMT
    }

    /// True for directories of both sorts.
    pub(crate) const fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory(_) | Body::Computed(..))
    }

    /// True for links of both sorts.
    pub(crate) const fn is_link(&self) -> bool {
        matches!(self.body, Body::Link(_) | Body::Magic(..))
    }

    /// The contents, if it is a regular file with some.
    pub(crate) const fn data(&self) -> Option<&Data> {
        match &self.body {
            Body::Regular(data) => Some(data),
            _ => None,
        }
    }

    /// The parent of a directory; of the root, itself.
    pub(crate) fn parent(&self) -> Option<Arc<Self>> {
        match &self.body {
            Body::Directory(directory) => directory.parent(),
            Body::Computed(_, parent) => parent.upgrade(),
            _ => None,
        }
    }

    /// Looks up a name that is neither `.` nor `..`.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `ENOTDIR`.
    pub(crate) fn child(self: &Arc<Self>, name: &str) -> Result<Arc<Self>> {
        match &self.body {
            Body::Directory(_) if self.remote.is_some() => fuse::child(self, name),
            Body::Directory(directory) => directory.get(self, name).ok_or(Errno::ENOENT),
            Body::Computed(computed, _) => computed.lookup(self, name).ok_or(Errno::ENOENT),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// `stat(2)`.
    pub(crate) fn stat(self: &Arc<Self>) -> Stat {
        if let Some(inode) = &self.remote {
            fuse::refresh(self, inode);
        }
        let meta = *self.meta.lock();
        let (size, blocks, rdev, nlink) = match &self.body {
            Body::Directory(directory) => (4096, 8, 0, meta.nlink * (2 + directory.subdirectories(self))),
            Body::Computed(..) => (0, 0, 0, 2),
            Body::Regular(data) => (data.size(), data.blocks(), 0, meta.nlink),
            Body::Link(target) => (names::to_bytes(target).len() as u64, 0, 0, meta.nlink),
            Body::Device(rdev, _) => (0, 0, *rdev, meta.nlink),
            Body::Magic(..) | Body::Text(..) | Body::Fifo(_) | Body::Socket(_) => (0, 0, 0, meta.nlink),
        };
        Stat {
            dev: self.fs.dev,
            ino: self.number(),
            mode: meta.mode,
            nlink,
            uid: meta.uid,
            gid: meta.gid,
            rdev,
            size,
            blocks,
            atime: meta.atime,
            mtime: meta.mtime,
            ctime: meta.ctime,
            btime: Some(self.btime),
        }
    }

    /// The directory and name by which a node goes that was reached by these, and if it still has that name.
    pub(crate) fn current_place(
        self: &Arc<Self>,
        dir: &Arc<Self>,
        name: &str,
    ) -> (Arc<Self>, Box<str>, bool) {
        let is_here =
            |dir: &Arc<Self>, name: &str| dir.child(name).is_ok_and(|node| Arc::ptr_eq(&node, self));
        if is_here(dir, name) {
            return (dir.clone(), name.into(), true);
        }
        let moved = self.moved.lock().clone();
        if let Some((dir, name)) = moved
            && let Some(dir) = dir.upgrade()
        {
            let here = is_here(&dir, &name);
            return (dir, name, here);
        }
        let other = match &dir.body {
            Body::Directory(entries) => entries.name_of(dir, self),
            _ => None,
        };
        let here = other.is_some();
        (
            dir.clone(),
            other.map_or_else(|| name.into(), |name| (*name).into()),
            here,
        )
    }

    /// Notes that the contents changed; a file that runs as somebody else stops to do so, unless the writer might make it such (`inode(7)`).
    pub(crate) fn modified(&self) {
        let now = time::realtime();
        let mode = {
            let mut meta = self.meta.lock();
            meta.mtime = now;
            meta.ctime = now;
            meta.mode
        };
        let set_ids = matches!(self.body, Body::Regular(_)) && without_set_ids(mode) != mode;
        if set_ids && !Asker::current().can(raw::CAP_FSETID) {
            self.meta.lock().mode = without_set_ids(mode);
        }
        self.touched();
    }

    /// Changes attributes as somebody asked for; those of a file of the host's there.
    ///
    /// # Errors
    ///
    /// `EROFS`, and what the host says.
    pub(crate) fn set(&self, change: impl FnOnce(&mut Meta)) -> Result<()> {
        self.fs.may_change()?;
        match &self.remote {
            Some(inode) => fuse::set(self, inode, change),
            None => {
                self.change(change);
                Ok(())
            }
        }
    }

    /// Changes the size of a regular file.
    ///
    /// # Errors
    ///
    /// As `ftruncate(2)`; `EINVAL` for what has none.
    pub(crate) fn truncate(&self, size: u64) -> Result<()> {
        let data = self.data().ok_or(Errno::EINVAL)?;
        self.fs.may_change()?;
        match &self.remote {
            Some(inode) => fuse::truncate(self, inode, size),
            None => data.truncate(size),
        }
    }

    /// `statfs(2)` of its file system.
    ///
    /// # Errors
    ///
    /// What the host says, where that has it.
    pub(crate) fn statfs(&self) -> Result<raw::statfs> {
        match &self.remote {
            Some(inode) => fuse::statfs(self, inode),
            None => Ok(self.fs.statfs()),
        }
    }

    /// Changes attributes, and notes that they changed.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Meta)) {
        let mut meta = self.meta.lock();
        meta.ctime = time::realtime();
        change(&mut meta);
        drop(meta);
        self.touched();
    }
}

/// A node of a volume that goes without a name gives its inode back.
impl Drop for Node {
    fn drop(&mut self) {
        if let Some(volume) = self.fs.volume()
            && let Ok(inode @ 1..) = u32::try_from(self.number())
            && self.meta.lock().nlink == 0
        {
            volume.gone(inode);
        }
    }
}
