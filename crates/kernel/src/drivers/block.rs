//! Block devices: what a driver offers to file systems, and the virtio driver behind it.

use crate::mm::dma;
use alloc::string::String;

mod request;
mod virtio;

pub use virtio::VirtioBlock;

/// Bytes of a sector, the unit of block addresses.
pub const SECTOR_SIZE: usize = 512;

/// Why a block request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockError {
    /// The buffer is not a whole number of sectors.
    Unaligned,
    /// The request goes beyond the last sector.
    OutOfRange,
    /// A write to a device that may only be read.
    ReadOnly,
    /// The device reported an error, or answered nonsense.
    Io,
    /// The device does not know this request.
    Unsupported,
    /// A page of the buffer is not mapped.
    BadAddress,
}

/// A disk. The calls block the calling thread; they work from any thread and before there are threads.
pub trait BlockDevice: Send + Sync {
    /// Size in sectors of [`SECTOR_SIZE`].
    fn capacity_sectors(&self) -> u64;

    /// True if [`write`](Self::write) is refused: what a disk is that says nothing else.
    fn read_only(&self) -> bool {
        true
    }

    /// Reads whole sectors from `sector` on into `buffer`, in as few requests as can be.
    ///
    /// The buffer may be any memory that is mapped and stays so during the call: the device writes into it directly. So it must not be
    /// program memory that another thread can `munmap` in the meantime; a file system reads into its own pages.
    ///
    /// # Errors
    ///
    /// See [`BlockError`]; the buffer's contents are undefined then.
    fn read(&self, sector: u64, buffer: &mut [u8]) -> Result<(), BlockError>;

    /// Writes whole sectors from `sector` on.
    ///
    /// # Errors
    ///
    /// See [`BlockError`]; how much was written is undefined then.
    fn write(&self, _sector: u64, _buffer: &[u8]) -> Result<(), BlockError> {
        Err(BlockError::ReadOnly)
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    ///
    /// See [`BlockError`]. A device without a volatile cache answers at once.
    fn flush(&self) -> Result<(), BlockError> {
        Ok(())
    }

    /// The serial string that the host gave the device (its drive's name on Firecracker), at most 20 bytes; empty if it has none.
    fn id(&self) -> String {
        String::new()
    }

    /// Where the disk lies in memory, if it does: its pages may be read and mapped there, and nobody ever changes them.
    fn memory(&self) -> Option<DiskMemory> {
        None
    }
}

/// A disk that is memory: where it lies in guest-physical memory. That memory is in the linear map ([`dma::map_memory`]) and is nobody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskMemory {
    /// First address.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl BlockDevice for DiskMemory {
    fn capacity_sectors(&self) -> u64 {
        self.bytes / SECTOR_SIZE as u64
    }

    fn read(&self, sector: u64, buffer: &mut [u8]) -> Result<(), BlockError> {
        if !buffer.len().is_multiple_of(SECTOR_SIZE) {
            return Err(BlockError::Unaligned);
        }
        let sectors = (buffer.len() / SECTOR_SIZE) as u64;
        if sector
            .checked_add(sectors)
            .is_none_or(|end| end > self.capacity_sectors())
        {
            return Err(BlockError::OutOfRange);
        }
        let source = dma::mmio(self.start + sector * SECTOR_SIZE as u64);
        // SAFETY: whoever made this value mapped the memory, of which this is a part; the buffer is the caller's, elsewhere.
        unsafe { core::ptr::copy_nonoverlapping(source.as_ptr(), buffer.as_mut_ptr(), buffer.len()) };
        Ok(())
    }

    fn memory(&self) -> Option<DiskMemory> {
        Some(*self)
    }
}

/// A reference to a disk is a disk.
impl<T: BlockDevice + ?Sized> BlockDevice for &T {
    fn capacity_sectors(&self) -> u64 {
        (**self).capacity_sectors()
    }

    fn read_only(&self) -> bool {
        (**self).read_only()
    }

    fn read(&self, sector: u64, buffer: &mut [u8]) -> Result<(), BlockError> {
        (**self).read(sector, buffer)
    }

    fn write(&self, sector: u64, buffer: &[u8]) -> Result<(), BlockError> {
        (**self).write(sector, buffer)
    }

    fn flush(&self) -> Result<(), BlockError> {
        (**self).flush()
    }

    fn id(&self) -> String {
        (**self).id()
    }

    fn memory(&self) -> Option<DiskMemory> {
        (**self).memory()
    }
}
