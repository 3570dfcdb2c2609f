//! What the nodes of one mounted file system share: its device number, its kind, and how much memory it may take.

use super::volume::Volume;
use crate::errno::{Errno, Result};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general as raw;

/// `f_type` of `statfs(2)` for sysfs; not among the constants of `linux-raw-sys`.
pub(crate) const SYSFS_MAGIC: u32 = 0x6265_6572;

static NEXT_DEVICE: AtomicU64 = AtomicU64::new(2);

/// A mounted file system.
#[derive(Debug)]
pub(crate) struct Filesystem {
    /// Device number, `st_dev`.
    pub(crate) dev: u64,
    /// `f_type` of `statfs(2)`.
    pub(crate) magic: u32,
    /// Type as `/proc/mounts` names it.
    pub(crate) name: &'static str,
    /// What making a file here is refused with; `None` where files can be made.
    pub(crate) refusal: Option<Errno>,
    volume: Option<Arc<Volume>>,
    limit_pages: u64,
    used_pages: AtomicU64,
    next_inode: AtomicU64,
}

impl Filesystem {
    /// A file system whose files may take `limit_pages` pages of memory.
    pub(crate) fn new(name: &'static str, magic: u32, limit_pages: u64) -> Arc<Self> {
        Arc::new(Self::build(name, magic, limit_pages, None))
    }

    /// A file system in which nothing can be made.
    pub(crate) fn fixed(name: &'static str, magic: u32, refusal: Errno) -> Arc<Self> {
        Arc::new(Self::build(name, magic, 0, Some(refusal)))
    }

    /// A file system whose files are not in memory; `refusal` is what changes are refused with.
    pub(crate) fn mounted(name: &'static str, magic: u32, refusal: Option<Errno>) -> Arc<Self> {
        Arc::new(Self::build(name, magic, u64::MAX, refusal))
    }

    /// The file system of a volume, of whose files at most `limit_pages` pages may be mapped.
    pub(crate) fn of_volume(volume: Arc<Volume>, limit_pages: u64, read_only: bool) -> Arc<Self> {
        let refusal = read_only.then_some(Errno::EROFS);
        Arc::new(Self {
            volume: Some(volume),
            ..Self::build("ext4", raw::EXT4_SUPER_MAGIC, limit_pages, refusal)
        })
    }

    fn build(name: &'static str, magic: u32, limit_pages: u64, refusal: Option<Errno>) -> Self {
        Self {
            dev: NEXT_DEVICE.fetch_add(1, Ordering::Relaxed),
            magic,
            name,
            refusal,
            volume: None,
            limit_pages,
            used_pages: AtomicU64::new(0),
            next_inode: AtomicU64::new(1),
        }
    }

    /// The volume that it is, if it is one.
    pub(crate) const fn volume(&self) -> Option<&Arc<Volume>> {
        self.volume.as_ref()
    }

    /// Asks to change something other than names.
    ///
    /// # Errors
    ///
    /// `EROFS`.
    pub(crate) fn may_change(&self) -> Result<()> {
        match self.refusal {
            Some(Errno::EROFS) => Err(Errno::EROFS),
            _ => Ok(()),
        }
    }

    /// Makes what was done to it durable, where it is on a disk.
    ///
    /// # Errors
    ///
    /// `EIO`, `ENOSPC`.
    pub(crate) fn sync(&self) -> Result<()> {
        self.volume().map_or(Ok(()), |volume| volume.sync())
    }

    /// A fresh inode number.
    pub(crate) fn next_inode(&self) -> u64 {
        self.next_inode.fetch_add(1, Ordering::Relaxed)
    }

    /// Counts one more page of file data.
    ///
    /// # Errors
    ///
    /// `ENOSPC` at the limit.
    pub(crate) fn reserve_page(&self) -> Result<()> {
        let count = |used: u64| (used < self.limit_pages).then_some(used + 1);
        match self
            .used_pages
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count)
        {
            Ok(_) => Ok(()),
            Err(_) => Err(Errno::ENOSPC),
        }
    }

    /// Counts pages that were freed.
    pub(crate) fn release_pages(&self, pages: u64) {
        self.used_pages.fetch_sub(pages, Ordering::Relaxed);
    }

    /// Pages of file data in memory, and the most there may be.
    pub(crate) fn usage(&self) -> (u64, u64) {
        (self.used_pages.load(Ordering::Relaxed), self.limit_pages)
    }

    /// `statfs(2)` of the file system.
    pub(crate) fn statfs(&self) -> raw::statfs {
        let (used, limit) = self.usage();
        let memory = raw::statfs {
            f_type: i64::from(self.magic),
            f_bsize: 4096,
            f_blocks: limit as i64,
            f_bfree: (limit - used.min(limit)) as i64,
            f_bavail: (limit - used.min(limit)) as i64,
            // Inodes cost what their files do: as many as there may be pages.
            f_files: limit as i64,
            f_ffree: limit.saturating_sub(self.next_inode.load(Ordering::Relaxed)) as i64,
            f_fsid: raw::__kernel_fsid_t {
                val: [self.dev as i32, 0],
            },
            f_namelen: 255,
            f_frsize: 4096,
            // ST_VALID | ST_NOATIME, as mount(2) keeps them.
            f_flags: 0x20 | 0x400,
            f_spare: [0; 4],
        };
        // Of a volume that is unmounted already nothing is known.
        match self.volume().map(|volume| volume.usage()) {
            Some(Ok(stats)) => raw::statfs {
                f_bsize: stats.block_size as i64,
                f_frsize: stats.block_size as i64,
                f_blocks: stats.total_blocks as i64,
                f_bfree: stats.free_blocks as i64,
                f_bavail: stats.free_blocks.saturating_sub(super::volume::SPARE_BLOCKS) as i64,
                f_files: i64::from(stats.total_inodes),
                f_ffree: i64::from(stats.free_inodes),
                ..memory
            },
            _ => memory,
        }
    }
}
