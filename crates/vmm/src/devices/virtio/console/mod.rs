//! Console device (virtio 1.2, section 5.3): one port.
//!
//! A line costs the guest one doorbell instead of one exit per byte. Input waits outside until the driver has a buffer for it, so a guest
//! that does not read holds up the writer, and costs nothing else.
//!
//! The end of the input is one buffer used with no bytes in it, as `read(2)` has it: input stays any bytes at all, and the device needs no
//! feature for it. A driver that does not know of it (Linux's) sees an empty piece of input. Rejected: `^D`, which a terminal's line discipline
//! takes for the end, as every such byte of a file would have to be escaped; and `VIRTIO_CONSOLE_PORT_OPEN`, which needs `F_MULTIPORT`, two
//! more queues and a dialogue of control messages before the first byte.

use std::os::fd::RawFd;

use virtio_queue::{Queue, QueueT as _};

use super::{
    Cause, VirtioDevice,
    queue::{self, Error, Progress},
};
use crate::{
    input::{Heard, SharedInput},
    memory::GuestMemory,
    output::{SharedOutput, lock},
};

/// Device ID.
const ID: u32 = 3;
/// Receive, transmit.
const QUEUE_SIZES: &[u16] = &[64, 64];
const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
/// Requests per call.
const BUDGET: usize = 64;
/// Most bytes taken from one request; drivers send lines or pages.
const REQUEST_MAX: usize = 1 << 20;

/// The device.
#[derive(Debug)]
pub(crate) struct Console {
    output: SharedOutput,
    input: SharedInput,
}

impl Console {
    /// A console that writes to `output` and hears `input`.
    pub(crate) fn new(output: SharedOutput, input: SharedInput) -> Self {
        Self { output, input }
    }

    /// Fills the driver's buffers with what waits.
    fn receive(&self, queue: &mut Queue, memory: &GuestMemory) -> Result<Progress, Error> {
        let mut input = lock(&self.input);
        let before = queue.next_used();
        let mut progress = Progress::default();
        for round in 0.. {
            let heard = input.peek();
            if heard == Heard::Nothing {
                break;
            }
            if round == BUDGET {
                progress.again = true;
                break;
            }
            let Some(mut buffer) = queue::pop(queue, memory)? else {
                // Starved: ask for the doorbell, and look again in case the driver was faster.
                if queue.enable_notification(memory)? {
                    continue;
                }
                break;
            };
            let count = match heard {
                Heard::Bytes(bytes) => buffer.writable.write(bytes),
                Heard::End | Heard::Nothing => 0,
            };
            // A buffer without room would say the end where there is none.
            if count == 0 && heard != Heard::End {
                return Err(Error::Buffer);
            }
            queue.add_used(memory, buffer.head, count as u32)?;
            input.take(count);
        }
        let used = queue.next_used() != before;
        progress.interrupt = used && queue::wants_interrupt(queue, memory, before)?;
        Ok(progress)
    }

    fn transmit(&self, queue: &mut Queue, memory: &GuestMemory) -> Result<Progress, Error> {
        let mut output = lock(&self.output);
        queue::serve(queue, memory, BUDGET, |chain| {
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

impl VirtioDevice for Console {
    fn id(&self) -> u32 {
        ID
    }

    fn queue_sizes(&self) -> &'static [u16] {
        QUEUE_SIZES
    }

    fn source(&self) -> Option<RawFd> {
        lock(&self.input).source()
    }

    fn process(
        &mut self,
        cause: Cause,
        queues: &mut [Queue],
        memory: &GuestMemory,
    ) -> Result<Progress, Error> {
        match cause {
            Cause::Queue(TRANSMIT) => self.transmit(&mut queues[TRANSMIT], memory),
            Cause::Queue(_) | Cause::Source => self.receive(&mut queues[RECEIVE], memory),
        }
    }
}

#[cfg(test)]
mod tests;
