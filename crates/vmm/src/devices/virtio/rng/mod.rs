//! Entropy device (virtio 1.2, section 5.4): the host's `getrandom(2)` for the guest.

use virtio_queue::Queue;

use super::{
    Cause, VirtioDevice,
    queue::{self, Error, Progress},
};
use crate::{memory::GuestMemory, metrics::METRICS};

/// Device ID.
const ID: u32 = 4;
const QUEUE_SIZES: &[u16] = &[64];
/// Requests per call.
const BUDGET: usize = 16;
/// Most bytes given to one request; the driver learns the true number, and asks again.
const REQUEST_MAX: usize = 4096;

/// The device; it has no state.
#[derive(Debug)]
pub(crate) struct Rng;

impl VirtioDevice for Rng {
    fn id(&self) -> u32 {
        ID
    }

    fn queue_sizes(&self) -> &'static [u16] {
        QUEUE_SIZES
    }

    fn process(&mut self, _: Cause, queues: &mut [Queue], memory: &GuestMemory) -> Result<Progress, Error> {
        queue::serve(&mut queues[0], memory, BUDGET, |mut chain| {
            let mut bytes = [0; REQUEST_MAX];
            let wanted = chain.writable.len().min(REQUEST_MAX);
            // SAFETY: the buffer has at least `wanted` bytes.
            let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), wanted, 0) };
            let got = usize::try_from(got).unwrap_or(0);
            chain.writable.write(&bytes[..got]);
            METRICS.rng_bytes.add(got as u64);
            got as u32
        })
    }
}

#[cfg(test)]
mod tests;
