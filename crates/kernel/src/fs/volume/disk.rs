//! The disk under a volume as the ext4 code sees it: blocks of 4 KiB, with those that were used last kept in memory.
//!
//! The cache is written through: what the device has said yes to is what is in it, so nothing here has to be flushed.

use crate::drivers::block::{BlockDevice, BlockError, SECTOR_SIZE};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use rsext4::{BlockIo, DeviceCapabilities, DeviceGeometry, Ext4Error, Ext4Result, SectorId};

/// Bytes of a block.
pub(super) const BLOCK: usize = 4096;
const SECTORS: u64 = (BLOCK / SECTOR_SIZE) as u64;
/// Runs of more blocks than this go past the cache: they are file contents that are read or written once.
const LONGEST_CACHED: usize = 16;

/// A disk.
pub(crate) struct Disk {
    device: Arc<dyn BlockDevice>,
    cached: BTreeMap<u64, Box<[u8]>>,
    /// Cached blocks, the oldest first.
    order: VecDeque<u64>,
    /// The most blocks that are cached.
    limit: usize,
}

impl Disk {
    /// A disk of which `limit` blocks may be in memory.
    pub(super) fn new(device: Arc<dyn BlockDevice>, limit: usize) -> Self {
        Self {
            device,
            cached: BTreeMap::new(),
            order: VecDeque::new(),
            limit,
        }
    }

    fn keep(&mut self, block: u64, bytes: &[u8]) {
        if let Some(cached) = self.cached.get_mut(&block) {
            cached.copy_from_slice(bytes);
            return;
        }
        if self.cached.len() >= self.limit
            && let Some(oldest) = self.order.pop_front()
        {
            self.cached.remove(&oldest);
        }
        self.cached.insert(block, bytes.into());
        self.order.push_back(block);
    }

    /// The blocks of a run of sectors, where it is one of whole blocks: others (file systems with smaller blocks have them) are not cached.
    fn blocks(sector: u64, len: usize) -> Option<core::ops::Range<u64>> {
        let whole = sector.is_multiple_of(SECTORS) && len.is_multiple_of(BLOCK);
        whole.then(|| sector / SECTORS..sector / SECTORS + (len / BLOCK) as u64)
    }

    /// Forgets what is cached of a run of sectors.
    fn forget(&mut self, sector: u64, len: usize) {
        for block in sector / SECTORS..(sector + (len / SECTOR_SIZE) as u64).div_ceil(SECTORS) {
            if self.cached.remove(&block).is_some() {
                self.order.retain(|&cached| cached != block);
            }
        }
    }
}

fn failure(error: BlockError) -> Ext4Error {
    match error {
        BlockError::ReadOnly => Ext4Error::read_only(),
        BlockError::Unaligned
        | BlockError::OutOfRange
        | BlockError::Io
        | BlockError::Unsupported
        | BlockError::BadAddress => Ext4Error::io(),
    }
}

impl BlockIo for Disk {
    fn read(&mut self, buffer: &mut [u8], sector: SectorId, _count: u32) -> Ext4Result<()> {
        let Some(blocks) = Self::blocks(sector.raw(), buffer.len()) else {
            return self.device.read(sector.raw(), buffer).map_err(failure);
        };
        if blocks.clone().all(|block| self.cached.contains_key(&block)) {
            for (block, part) in blocks.zip(buffer.chunks_mut(BLOCK)) {
                if let Some(cached) = self.cached.get(&block) {
                    part.copy_from_slice(cached);
                }
            }
            return Ok(());
        }
        self.device.read(sector.raw(), buffer).map_err(failure)?;
        if buffer.len() <= LONGEST_CACHED * BLOCK {
            for (block, part) in blocks.zip(buffer.chunks(BLOCK)) {
                self.keep(block, part);
            }
        }
        Ok(())
    }

    fn write(&mut self, buffer: &[u8], sector: SectorId, _count: u32) -> Ext4Result<()> {
        let written = self.device.write(sector.raw(), buffer).map_err(failure);
        let cacheable = buffer.len() <= LONGEST_CACHED * BLOCK;
        match Self::blocks(sector.raw(), buffer.len()) {
            Some(blocks) if written.is_ok() && cacheable => {
                for (block, part) in blocks.zip(buffer.chunks(BLOCK)) {
                    self.keep(block, part);
                }
            }
            // Of a write that failed nobody knows what is on the disk: it is asked again.
            _ => self.forget(sector.raw(), buffer.len()),
        }
        written
    }

    fn flush(&mut self) -> Ext4Result<()> {
        self.device.flush().map_err(failure)
    }

    fn geometry(&self) -> DeviceGeometry {
        DeviceGeometry::new(SECTOR_SIZE as u32, self.device.capacity_sectors())
            .with_physical_block_size(BLOCK as u32)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        DeviceCapabilities {
            read_only: self.device.read_only(),
            flush: true,
            ..DeviceCapabilities::default()
        }
    }
}
