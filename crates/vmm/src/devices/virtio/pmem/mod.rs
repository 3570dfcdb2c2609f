//! Persistent memory device (virtio 1.2, section 5.19): a file of the host's as guest-physical memory.
//!
//! The guest reads the host's page cache: no request, no copy, and one set of pages for all guests of one image. The file's range is a memory slot of
//! KVM's ([`Backing::slot`]); the device itself only tells where it is, and makes writes durable.

mod backing;

use virtio_queue::Queue;

pub(crate) use backing::{Backing, Error, Window};

use super::{
    Cause, VirtioDevice,
    queue::{self, Chain, Progress},
};
use crate::{memory::GuestMemory, metrics::METRICS};

/// Device ID.
const ID: u32 = 27;
const QUEUE_SIZES: &[u16] = &[64];
/// Requests per call: each may wait for the disk.
const BUDGET: usize = 8;
/// `VIRTIO_PMEM_REQ_TYPE_FLUSH`.
const FLUSH: [u8; 4] = [0; 4];

/// The device.
#[derive(Debug)]
pub(crate) struct Pmem {
    backing: Backing,
}

impl Pmem {
    /// A device over `backing`.
    pub(crate) fn new(backing: Backing) -> Self {
        Self { backing }
    }

    /// Does one request (5.19.6); returns how many bytes were written to the guest.
    fn handle(&self, mut chain: Chain<'_>) -> u32 {
        let mut request = [0xff; FLUSH.len()];
        let is_flush = chain.readable.read(&mut request) == request.len() && request == FLUSH;
        let is_done = is_flush && self.backing.sync().is_ok();
        METRICS.pmem_flushes.add(1);
        chain.writable.write(&u32::from(!is_done).to_le_bytes()) as u32
    }
}

impl VirtioDevice for Pmem {
    fn id(&self) -> u32 {
        ID
    }

    fn queue_sizes(&self) -> &'static [u16] {
        QUEUE_SIZES
    }

    /// `struct virtio_pmem_config` (5.19.4): guest-physical start and size in bytes.
    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let mut config = [0; 16];
        config[..8].copy_from_slice(&self.backing.address().to_le_bytes());
        config[8..].copy_from_slice(&self.backing.size().to_le_bytes());
        super::copy_config(&config, offset, data);
    }

    fn process(
        &mut self,
        _: Cause,
        queues: &mut [Queue],
        memory: &GuestMemory,
    ) -> Result<Progress, queue::Error> {
        queue::serve(&mut queues[0], memory, BUDGET, |chain| self.handle(chain))
    }
}

#[cfg(test)]
mod tests;
