//! The virtio persistent memory device (virtio 1.2, 5.19): a file of the host's that lies in guest-physical memory, read as a disk.
//!
//! It is for images: it is only read, so its one queue, for flushes, is not set up. File systems map its pages where they are
//! ([`BlockDevice::memory`]); then all guests of one image share them in the host's page cache.

use super::{
    block::{BlockDevice, BlockError, DiskMemory},
    virtio::{self, Device, Link},
};
use crate::mm::{PAGE_SIZE, dma};
use alloc::boxed::Box;

/// A disk that is memory.
#[derive(Debug)]
pub struct Pmem {
    memory: DiskMemory,
    /// The device runs as long as this is here; there is nothing to tell it.
    _link: Link,
}

impl Pmem {
    /// Sets the device up, and makes its memory the kernel's to read.
    ///
    /// # Errors
    ///
    /// See [`virtio::Error`]; [`virtio::Error::Missing`] where it lies beyond what the kernel can map.
    pub fn probe(device: Device) -> Result<&'static Self, virtio::Error> {
        Ok(Box::leak(Box::new(Self::new(device, dma::map_memory)?)))
    }

    fn new(mut device: Device, map: fn(u64, u64) -> bool) -> Result<Self, virtio::Error> {
        device.negotiate(0)?;
        let [start, bytes] =
            [0, 8].map(|at| u64::from(device.config(at)) | u64::from(device.config(at + 4)) << 32);
        let page = PAGE_SIZE as u64;
        if bytes == 0 || !start.is_multiple_of(page) || !bytes.is_multiple_of(page) || !map(start, bytes) {
            return Err(virtio::Error::Missing("memory below 512 GiB in whole pages"));
        }
        Ok(Self {
            memory: DiskMemory { start, bytes },
            _link: device.start(),
        })
    }
}

impl BlockDevice for Pmem {
    fn capacity_sectors(&self) -> u64 {
        self.memory.capacity_sectors()
    }

    fn read(&self, sector: u64, buffer: &mut [u8]) -> Result<(), BlockError> {
        self.memory.read(sector, buffer)
    }

    fn memory(&self) -> Option<DiskMemory> {
        Some(self.memory)
    }
}

#[cfg(test)]
mod tests;
