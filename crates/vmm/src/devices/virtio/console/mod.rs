//! Console device (virtio 1.2, section 5.3): one port, output only.
//!
//! A line costs the guest one doorbell instead of one exit per byte. Input is not offered: buffers that the driver gives
//! to the receive queue stay unused, as with a keyboard that nobody touches.

use virtio_queue::Queue;

use super::{
    Cause, VirtioDevice,
    queue::{self, Error, Progress},
};
use crate::{
    memory::GuestMemory,
    output::{SharedOutput, lock},
};

/// Device ID.
const ID: u32 = 3;
/// Receive, transmit.
const QUEUE_SIZES: &[u16] = &[64, 64];
const TRANSMIT: usize = 1;
/// Requests per call.
const BUDGET: usize = 64;
/// Most bytes taken from one request; drivers send lines or pages.
const REQUEST_MAX: usize = 1 << 20;

/// The device.
#[derive(Debug)]
pub(crate) struct Console {
    output: SharedOutput,
}

impl Console {
    /// A console that writes to `output`.
    pub(crate) fn new(output: SharedOutput) -> Self {
        Self { output }
    }
}

impl VirtioDevice for Console {
    fn id(&self) -> u32 {
        ID
    }

    fn queue_sizes(&self) -> &'static [u16] {
        QUEUE_SIZES
    }

    fn process(
        &mut self,
        cause: Cause,
        queues: &mut [Queue],
        memory: &GuestMemory,
    ) -> Result<Progress, Error> {
        if cause != Cause::Queue(TRANSMIT) {
            return Ok(Progress::default());
        }
        let mut output = lock(&self.output);
        queue::serve(&mut queues[TRANSMIT], memory, BUDGET, |chain| {
            let mut text = chain.readable;
            let mut left = text.len().min(REQUEST_MAX);
            let mut buffer = [0; 4096];
            while left > 0 {
                let count = left.min(buffer.len());
                let count = text.read(&mut buffer[..count]);
                output.write(&buffer[..count]);
                left -= count;
            }
            0
        })
    }
}

#[cfg(test)]
mod tests;
