//! Virtio devices (OASIS virtio 1.2) over MMIO.
//!
//! - [`VirtioDevice`] is what a device is to its transport; [`registry`] lists all of them, one row each.
//! - [`mmio`] is the transport: registers for the CPU, events for the device thread.
//! - [`queue`] serves virtqueues without trusting them.
//!
//! Life of a device, as the driver drives it (virtio 1.2, section 3.1.1):
//!
//! ```text
//!   reset --ACKNOWLEDGE, DRIVER--> known --features, FEATURES_OK--> negotiated --queues, DRIVER_OK--> active
//!     ^                                                                                                |
//!     |                                     nonsense in a ring: DEVICE_NEEDS_RESET                     |
//!     +--- status := 0 ------------------------- broken <----------------------------------------------+
//! ```

pub(crate) mod balloon;
pub(crate) mod block;
pub(crate) mod console;
pub(crate) mod fs;
#[cfg(test)]
mod fuzz;
pub(crate) mod mmio;
pub(crate) mod net;
pub(crate) mod pmem;
pub(crate) mod queue;
pub(crate) mod registry;
pub(crate) mod rng;
#[cfg(test)]
pub(crate) mod testing;

use std::os::fd::RawFd;

use virtio_queue::Queue;

use crate::memory::GuestMemory;
use queue::{Error, Progress};

/// Why a device is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The driver rang the doorbell of this queue.
    Queue(usize),
    /// The device's own descriptor is ready.
    Source,
}

/// A device, seen from its transport. All methods are called under the transport's lock.
pub(crate) trait VirtioDevice: Send {
    /// Device ID, virtio 1.2 section 5.
    fn id(&self) -> u32;

    /// Largest size of each queue.
    fn queue_sizes(&self) -> &'static [u16];

    /// Device-specific feature bits; the transport adds its own.
    fn features(&self) -> u64 {
        0
    }

    /// Reads device configuration; what lies beyond it stays as it is (zero).
    fn read_config(&self, _offset: u64, _data: &mut [u8]) {}

    /// Begins work with the negotiated features.
    fn activate(&mut self, _features: u64) {}

    /// Ends work: forgets everything about the driver.
    fn reset(&mut self) {}

    /// A descriptor that becomes readable when there is work, registered edge-triggered.
    fn source(&self) -> Option<RawFd> {
        None
    }

    /// Does a bounded amount of work. Only called while active.
    fn process(
        &mut self,
        cause: Cause,
        queues: &mut [Queue],
        memory: &GuestMemory,
    ) -> Result<Progress, Error>;
}

/// Copies the part of `config` that a read of `data.len()` bytes at `offset` covers.
fn copy_config(config: &[u8], offset: u64, data: &mut [u8]) {
    let start = usize::try_from(offset).unwrap_or(usize::MAX).min(config.len());
    let count = data.len().min(config.len() - start);
    data[..count].copy_from_slice(&config[start..start + count]);
}
