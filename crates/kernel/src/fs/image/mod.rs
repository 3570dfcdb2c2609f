//! The root image: a disk, or the part of it that holds the file system, read through a small cache.
//!
//! Small reads come from chunks of 32 KiB that were read whole (that is the read-ahead); long runs of whole sectors go straight to the caller's
//! buffer (if it is the kernel's own) and past the cache, in as few requests as the driver can make of them. A disk that is memory needs no cache: it
//! is read where it lies, and mappings get its own pages ([`Image::page`]).
//!
//! A format ([`erofs`], [`rofs`]) is a reader that fills an [`ImageTree`].

mod erofs;
mod partition;
mod rofs;
#[cfg(test)]
mod tests;
mod tree;

pub use partition::MountError;
pub(crate) use tree::{Attributes, Extent, ImageKind, ImageTree};

use crate::{
    drivers::block::{BlockDevice, SECTOR_SIZE},
    errno::{Errno, Result},
    mm::{self, PAGE_SIZE, dma},
    sync::Lock,
};
use alloc::{collections::BTreeMap, sync::Arc, vec, vec::Vec};

const SECTOR: u64 = SECTOR_SIZE as u64;
/// Bytes that are read at once for a small read.
const CHUNK: usize = 32 << 10;
/// Runs of at least this many bytes go past the cache: copying them would cost more than reading them again.
const DIRECT: usize = CHUNK;

/// Finds, reads and checks the file system of a disk.
///
/// # Errors
///
/// See [`MountError`].
pub(crate) fn mount(
    device: Arc<dyn BlockDevice>,
    cache_bytes: usize,
) -> core::result::Result<ImageTree, MountError> {
    let image = partition::open(device, cache_bytes)?;
    let mut page = [0; PAGE_SIZE];
    let there = image.len().min(PAGE_SIZE as u64) as usize;
    image.read(0, &mut page[..there]).map_err(|_| MountError::Io)?;
    if erofs::has_magic(&page[..there]) {
        erofs::load(image)
    } else if rofs::has_magic(&page[..there]) {
        rofs::load(image)
    } else {
        Err(MountError::NoFileSystem)
    }
}

/// The `u64` at a place.
fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

struct Chunk {
    used: u64,
    bytes: Vec<u8>,
}

#[derive(Default)]
struct Cache {
    chunks: BTreeMap<u64, Chunk>,
    clock: u64,
}

/// A run of sectors of a block device, read by bytes.
pub(crate) struct Image {
    device: Arc<dyn BlockDevice>,
    first_sector: u64,
    bytes: u64,
    /// Guest-physical address of the first byte, where the disk is memory.
    memory: Option<u64>,
    cache_chunks: usize,
    cache: Lock<Cache>,
}

impl core::fmt::Debug for Image {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Image({} bytes from sector {})", self.bytes, self.first_sector)
    }
}

impl Image {
    /// The sectors from `first_sector` on, `sectors` of them; the caller has checked them against the capacity.
    fn new(device: Arc<dyn BlockDevice>, first_sector: u64, sectors: u64, cache_bytes: usize) -> Self {
        let cache_chunks = (cache_bytes / CHUNK).max(1);
        let memory = device.memory().map(|disk| disk.start + first_sector * SECTOR);
        Self {
            device,
            memory,
            first_sector,
            bytes: sectors * SECTOR,
            cache_chunks,
            cache: Lock::default(),
        }
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.bytes
    }

    /// Fills `buffer` from byte `position` on. Blocks while the disk works, so no lock may be held.
    ///
    /// # Errors
    ///
    /// `EIO` past the end, and when the disk fails.
    pub(crate) fn read(&self, position: u64, buffer: &mut [u8]) -> Result<()> {
        if position
            .checked_add(buffer.len() as u64)
            .is_none_or(|end| end > self.bytes)
        {
            return Err(Errno::EIO);
        }
        if let Some(start) = self.memory {
            let source = dma::mmio(start + position);
            // SAFETY: the driver has mapped the disk's memory, of which this is a part (checked above); the buffer is the caller's, elsewhere.
            unsafe { core::ptr::copy(source.as_ptr(), buffer.as_mut_ptr(), buffer.len()) };
            return Ok(());
        }
        let mut done = 0;
        while done < buffer.len() {
            let at = position + done as u64;
            let rest = &mut buffer[done..];
            let copied = self.copy_cached(at, rest);
            if copied > 0 {
                done += copied;
                continue;
            }
            let whole = rest.len() / SECTOR_SIZE * SECTOR_SIZE;
            if whole >= DIRECT && at.is_multiple_of(SECTOR) && !mm::is_program(rest.as_ptr() as u64) {
                self.read_sectors(at, &mut rest[..whole])?;
                done += whole;
            } else {
                self.fetch(at / CHUNK as u64)?;
                // From the chunk, even if it was pushed out again meanwhile: then the loop fetches once more.
            }
        }
        Ok(())
    }

    /// Guest-physical address of the page of the image at byte `position`, if the disk is memory, the page lies at the start of one, and all of it but the
    /// first `visible` bytes is zero. It may be mapped where a file ends after those bytes.
    pub(crate) fn page(&self, position: u64, visible: usize) -> Option<u64> {
        let frame = self.memory?.checked_add(position)?;
        let fits = position
            .checked_add(PAGE_SIZE as u64)
            .is_some_and(|end| end <= self.bytes);
        if !fits || !frame.is_multiple_of(PAGE_SIZE as u64) {
            return None;
        }
        // SAFETY: as in `read`.
        let rest = unsafe {
            core::slice::from_raw_parts(
                dma::mmio(frame).as_ptr().add(visible.min(PAGE_SIZE)),
                PAGE_SIZE - visible.min(PAGE_SIZE),
            )
        };
        rest.iter().all(|&byte| byte == 0).then_some(frame)
    }

    fn read_sectors(&self, at: u64, buffer: &mut [u8]) -> Result<()> {
        self.device
            .read(self.first_sector + at / SECTOR, buffer)
            .map_err(|_| Errno::EIO)
    }

    fn copy_cached(&self, at: u64, buffer: &mut [u8]) -> usize {
        let mut cache = self.cache.lock();
        cache.clock += 1;
        let clock = cache.clock;
        let Some(chunk) = cache.chunks.get_mut(&(at / CHUNK as u64)) else {
            return 0;
        };
        chunk.used = clock;
        let inside = (at % CHUNK as u64) as usize;
        let count = chunk.bytes.len().saturating_sub(inside).min(buffer.len());
        buffer[..count].copy_from_slice(&chunk.bytes[inside..inside + count]);
        count
    }

    /// Reads one chunk into the cache, in the memory of the one that was not used for longest.
    fn fetch(&self, index: u64) -> Result<()> {
        let mut bytes = self.evict().unwrap_or_default();
        let at = index * CHUNK as u64;
        let len = usize::try_from(self.bytes - at).unwrap_or(usize::MAX).min(CHUNK);
        if bytes.is_empty() {
            bytes = vec![0; len];
        }
        bytes.resize(len, 0);
        self.read_sectors(at, &mut bytes)?;
        let mut cache = self.cache.lock();
        let used = cache.clock;
        cache.chunks.insert(index, Chunk { used, bytes });
        Ok(())
    }

    fn evict(&self) -> Option<Vec<u8>> {
        let mut cache = self.cache.lock();
        if cache.chunks.len() < self.cache_chunks {
            return None;
        }
        let oldest = cache
            .chunks
            .iter()
            .min_by_key(|(_, chunk)| chunk.used)
            .map(|(&index, _)| index)?;
        cache.chunks.remove(&oldest).map(|chunk| chunk.bytes)
    }
}
