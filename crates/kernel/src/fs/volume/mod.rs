//! Volumes: ext4 file systems on block devices, mounted below the root (`--mount=block:ID,/PATH,rw`).
//!
//! The format, its journal and its recovery are `rsext4`'s. The tree of nodes stays what it is for all file systems: the names of a volume are taken over
//! when it is mounted, and what changes is changed on the disk first ([`change`]), so a node never says what the disk refused. Contents are read from
//! the disk and written to it at once, through a cache of blocks ([`disk`]); only pages that are mapped are kept in memory, and those
//! that a shared mapping may have written are written back before the next commit.
//!
//! ```text
//! program --write(2)--> Data --+                      +--> journal, data blocks --> virtio-blk
//! program --rename(2)-> Change +-> Volume (one Turn) -+
//! timer, fsync(2), exit -------+     commit: mapped pages, attributes, journal, flush
//! ```
//!
//! One thread at a time works on a volume, on a stack that belongs to the volume: ext4 needs more than a thread's kernel stack has.

mod change;
mod disk;
mod mount;
mod stack;

pub(crate) use change::Change;
pub use mount::MountError;
pub(super) use mount::{mount, place};

use super::node::{Body, Node};
use crate::{
    errno::{Errno, Result},
    sched::errand,
    sync::Lock,
    time,
    wait::{Turn, Wake},
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::{Arc, Weak},
    vec::Vec,
};
use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use disk::Disk;
use rsext4::{
    Clock, EntropySource, Ext4, Ext4Error, Ext4ErrorKind, Ext4Result, Ext4Timestamp, FilePermissions,
    InodeMetadataUpdate, InodeNumber, NoopObserver, ext4::FileSystemStats, runtime::MountedServices,
};
use stack::Stack;

/// How long a change may be in memory only, where nobody asks for more (ext4's `commit=5`).
const COMMIT_AFTER: Duration = Duration::from_secs(5);

/// Blocks that are never given to files. `rsext4` 0.9 marks blocks as used that a write took before it ran out of them, so it is never let to run out.
pub(super) const SPARE_BLOCKS: u64 = 64;

/// Inodes that are never given out, for the same reason.
const SPARE_INODES: u32 = 4;

/// The ext4 code with its disk, at work.
pub(crate) type Mounted = Ext4<Disk, MountedServices<Entropy, NoopObserver>>;

/// The kernel's clock, as ext4 asks for it.
#[derive(Debug)]
pub(crate) struct Now;

impl Clock for Now {
    fn now(&self) -> Ext4Result<Ext4Timestamp> {
        Ok(timestamp(time::realtime()))
    }
}

/// The kernel's random numbers, as ext4 asks for them.
#[derive(Debug)]
pub(crate) struct Entropy;

impl EntropySource for Entropy {
    fn fill_bytes(&mut self, output: &mut [u8]) -> Ext4Result<()> {
        crate::entropy::fill(output);
        Ok(())
    }
}

/// All volumes, for `sync(2)`, the timer and the end.
static VOLUMES: Lock<Vec<Arc<Volume>>> = Lock::new(Vec::new());

/// A mounted volume.
pub(crate) struct Volume {
    /// What the boot line calls it, for messages.
    name: String,
    turn: Turn,
    stack: Stack,
    /// Absent while a thread works on it (who has the turn), and for good once it is unmounted.
    state: Lock<Option<Box<Mounted>>>,
    /// The nodes by inode number.
    nodes: Lock<BTreeMap<u32, Weak<Node>>>,
    /// Inodes whose attributes or mapped pages differ from the disk's.
    dirty: Lock<BTreeSet<u32>>,
    /// Inodes without a name: all of them, and those that nobody has open any more.
    nameless: Lock<(BTreeSet<u32>, Vec<u32>)>,
    /// A commit that nobody waited for failed; the next `fsync(2)` says so.
    failure: Lock<Option<Errno>>,
    /// True while a timer will ask for a commit.
    armed: AtomicBool,
    tick: Lock<Option<Arc<dyn Wake>>>,
}

impl core::fmt::Debug for Volume {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Volume({})", self.name)
    }
}

/// Asks for a commit when the time has come.
struct Tick;

impl Wake for Tick {
    fn wake(&self) {
        errand::ask(commit_due);
    }
}

impl Volume {
    fn new(name: &str, mounted: Box<Mounted>, stack: Stack) -> Arc<Self> {
        let volume = Arc::new(Self {
            name: name.into(),
            turn: Turn::new(),
            stack,
            state: Lock::new(Some(mounted)),
            nodes: Lock::default(),
            dirty: Lock::default(),
            nameless: Lock::default(),
            failure: Lock::new(None),
            armed: AtomicBool::new(false),
            tick: Lock::new(Some(Arc::new(Tick))),
        });
        VOLUMES.lock().push(volume.clone());
        volume
    }

    /// Works on the volume when it is the caller's turn. `work` must not touch a program's memory.
    ///
    /// # Errors
    ///
    /// Those of `work`; `EIO` once it is unmounted.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Mounted) -> Ext4Result<T>) -> Result<T> {
        let _turn = self.turn.take();
        self.run(work)
    }

    /// As [`with`](Self::with), for what changes the volume and may need so many blocks.
    ///
    /// # Errors
    ///
    /// As there; `ENOSPC`.
    pub(crate) fn with_room<T>(
        &self,
        blocks: u64,
        work: impl FnOnce(&mut Mounted) -> Ext4Result<T>,
    ) -> Result<T> {
        let _turn = self.turn.take();
        self.make_room(blocks)?;
        self.change(work)
    }

    /// Works on the volume; the caller has the turn.
    fn run<T>(&self, work: impl FnOnce(&mut Mounted) -> Ext4Result<T>) -> Result<T> {
        let mut mounted = self.state.lock().take().ok_or(Errno::EIO)?;
        let result = self.stack.call(|| work(&mut mounted));
        *self.state.lock() = Some(mounted);
        result.ok_or(Errno::EIO)?.map_err(errno)
    }

    /// As [`run`](Self::run), for work that changes something.
    fn change<T>(&self, work: impl FnOnce(&mut Mounted) -> Ext4Result<T>) -> Result<T> {
        self.arm();
        self.run(work)
    }

    /// Makes sure that so many blocks can be had. The caller has the turn.
    fn make_room(&self, blocks: u64) -> Result<()> {
        let wanted = blocks.saturating_add(SPARE_BLOCKS);
        let fits = |stats: FileSystemStats| stats.free_blocks >= wanted && stats.free_inodes > SPARE_INODES;
        if fits(self.run(|ext4| Ok(ext4.statfs()))?) {
            return Ok(());
        }
        // What was deleted may not have been given back yet.
        self.reap()?;
        if fits(self.run(|ext4| Ok(ext4.statfs()))?) {
            Ok(())
        } else {
            Err(Errno::ENOSPC)
        }
    }

    /// Notes that an inode's attributes or mapped pages changed in memory.
    pub(crate) fn touched(&self, inode: u32) {
        self.dirty.lock().insert(inode);
        self.arm();
    }

    /// Has a timer ask for a commit.
    fn arm(&self) {
        if self.armed.swap(true, Ordering::Relaxed) {
            return;
        }
        let tick = self.tick.lock().clone();
        if let Some(tick) = tick {
            time::arm(time::now() + COMMIT_AFTER, &tick);
        }
    }

    /// Notes that a node without a name is gone: its inode can be freed.
    pub(super) fn gone(&self, inode: u32) {
        self.nodes.lock().remove(&inode);
        self.nameless.lock().1.push(inode);
        self.arm();
    }

    /// Frees the inodes that nobody has any more. The caller has the turn.
    fn reap(&self) -> Result<()> {
        loop {
            let Some(inode) = self.nameless.lock().1.pop() else {
                return Ok(());
            };
            if self.nameless.lock().0.remove(&inode) {
                self.run(|ext4| ext4.reap_unlinked_inode(InodeNumber::new(inode)?))?;
            }
        }
    }

    /// Writes attributes and mapped pages of all nodes that changed. The caller has the turn.
    fn write_back(&self) -> Result<()> {
        loop {
            let Some(inode) = self.dirty.lock().pop_first() else {
                return Ok(());
            };
            let node = self.nodes.lock().get(&inode).and_then(Weak::upgrade);
            if let Some(node) = node
                && let Err(errno) = self.write_node(inode, &node)
            {
                self.dirty.lock().insert(inode);
                return Err(errno);
            }
        }
    }

    fn write_node(&self, inode: u32, node: &Arc<Node>) -> Result<()> {
        if let Body::Regular(data) = &node.body {
            while let Some((at, bytes)) = data.take_dirty() {
                let written = self
                    .make_room(2)
                    .and_then(|()| self.run(|ext4| ext4.write_inode(InodeNumber::new(inode)?, at, &bytes)));
                if let Err(errno) = written {
                    data.dirty_again(at);
                    return Err(errno);
                }
            }
        }
        let meta = *node.meta.lock();
        self.run(|ext4| {
            let inode = InodeNumber::new(inode)?;
            let info = ext4.inode(inode)?;
            // Before the permissions: a new owner takes the set-user-ID bit away.
            if (info.uid, info.gid) != (meta.uid, meta.gid) {
                let update = InodeMetadataUpdate {
                    owner: Some((meta.uid, meta.gid)),
                    ..InodeMetadataUpdate::default()
                };
                ext4.update_inode_metadata(inode, update)?;
            }
            let update = InodeMetadataUpdate {
                // A link's permissions are nobody's to change.
                permissions: match node.is_link() {
                    true => None,
                    false => Some(FilePermissions::new((meta.mode & 0o7777) as u16)?),
                },
                atime: Some(timestamp(meta.atime)),
                mtime: Some(timestamp(meta.mtime)),
                ..InodeMetadataUpdate::default()
            };
            ext4.update_inode_metadata(inode, update).map(drop)
        })
    }

    /// Makes all that was done so far durable: `fsync(2)`, of a whole volume.
    ///
    /// # Errors
    ///
    /// `EIO`, `ENOSPC` (mapped pages that found no room); also of an earlier commit that nobody waited for.
    pub(crate) fn sync(&self) -> Result<()> {
        let _turn = self.turn.take();
        let earlier = self.failure.lock().take();
        self.commit()?;
        earlier.map_or(Ok(()), Err)
    }

    /// The caller has the turn.
    fn commit(&self) -> Result<()> {
        self.armed.store(false, Ordering::Relaxed);
        self.write_back()
            .and_then(|()| self.reap())
            .and_then(|()| self.run(Ext4::sync))
    }

    /// A commit that nobody waits for.
    fn commit_quietly(&self) {
        if !self.armed.load(Ordering::Relaxed) {
            return;
        }
        let Some(_turn) = self.turn.try_take() else {
            // Somebody works on it; another time.
            self.armed.store(false, Ordering::Relaxed);
            return self.arm();
        };
        if let Err(errno) = self.commit() {
            crate::log!("volume {}: changes could not be written: {errno:?}", self.name);
            *self.failure.lock() = Some(errno);
        }
    }

    /// Writes everything and marks the file system clean.
    fn unmount(&self) {
        let _turn = self.turn.take();
        let done = self.commit().and_then(|()| {
            // Files that are open without a name go with the program.
            let nameless = core::mem::take(&mut self.nameless.lock().0);
            for inode in nameless {
                self.run(|ext4| ext4.reap_unlinked_inode(InodeNumber::new(inode)?))?;
            }
            self.run(Ext4::unmount)
        });
        let mounted = self.state.lock().take();
        VOLUMES
            .lock()
            .retain(|volume| !core::ptr::eq(&raw const **volume, self));
        if mounted.is_some()
            && let Err(errno) = done
        {
            crate::log!("volume {}: not unmounted cleanly: {errno:?}", self.name);
        }
    }

    /// Sizes, for `statfs(2)`.
    ///
    /// # Errors
    ///
    /// `EIO` once it is unmounted.
    pub(crate) fn usage(&self) -> Result<FileSystemStats> {
        self.with(|ext4| Ok(ext4.statfs()))
    }
}

fn all() -> Vec<Arc<Volume>> {
    VOLUMES.lock().clone()
}

/// `sync(2)`: all volumes.
pub(crate) fn sync_all() {
    for volume in all() {
        // The call cannot fail; who wants to know asks with `fsync(2)`.
        if let Err(errno) = volume.sync() {
            *volume.failure.lock() = Some(errno);
        }
    }
}

fn commit_due() {
    all().iter().for_each(|volume| volume.commit_quietly());
}

/// The end of the program: all volumes are written and marked clean.
pub fn finish() {
    all().iter().for_each(|volume| volume.unmount());
}

/// ns since the epoch as ext4 has it.
fn timestamp(nanoseconds: u64) -> Ext4Timestamp {
    let second = 1_000_000_000;
    Ext4Timestamp::new((nanoseconds / second) as i64, (nanoseconds % second) as u32)
}

/// What a program is told.
fn errno(error: Ext4Error) -> Errno {
    match error.kind() {
        Ext4ErrorKind::NoSpace | Ext4ErrorKind::QuotaExceeded => Errno::ENOSPC,
        Ext4ErrorKind::NoMemory => Errno::ENOMEM,
        Ext4ErrorKind::ReadOnly => Errno::EROFS,
        Ext4ErrorKind::TooManyLinks => Errno::EMLINK,
        Ext4ErrorKind::FileTooLarge => Errno::EFBIG,
        Ext4ErrorKind::NotFound => Errno::ENOENT,
        Ext4ErrorKind::AlreadyExists => Errno::EEXIST,
        Ext4ErrorKind::NotDirectory => Errno::ENOTDIR,
        Ext4ErrorKind::IsDirectory => Errno::EISDIR,
        Ext4ErrorKind::NotEmpty => Errno::ENOTEMPTY,
        Ext4ErrorKind::PermissionDenied => Errno::EPERM,
        Ext4ErrorKind::Unsupported
        | Ext4ErrorKind::UnsupportedFeature
        | Ext4ErrorKind::UnsupportedCapability => Errno::EOPNOTSUPP,
        // A damaged file system, a disk that failed, and what of ours the format cannot express: nothing that the program did.
        _ => Errno::EIO,
    }
}

#[cfg(test)]
mod tests;
