//! The virtio entropy device (virtio 1.2, 5.4).
//!
//! The first request is made as soon as the device is there, so that its answer has come by the time that somebody asks.

use crate::{
    arch,
    drivers::virtio::{Device, Error, Link, Queue, Segment},
    mm::dma,
    sync::Lock,
    wait::{WaitQueue, wait_for},
};
use core::ptr::NonNull;

const QUEUE: u16 = 0;
const QUEUE_SIZE: u16 = 2;
const REQUEST_BYTES: usize = 64;

struct Source {
    link: Link,
    queue: Queue,
    memory: NonNull<u8>,
    physical: u64,
    /// Bytes at the end of the first `filled` that nobody has taken.
    filled: usize,
    taken: usize,
}

// SAFETY: the buffer belongs to this value and the device alone.
unsafe impl Send for Source {}

static SOURCE: Lock<Option<Source>> = Lock::new(None);
static CHANGED: WaitQueue = WaitQueue::new();

/// Sets the device up and asks it for the first bytes. A second one is left alone.
pub(in crate::drivers) fn probe(mut device: Device) -> Result<(), Error> {
    if SOURCE.lock().is_some() {
        return Ok(());
    }
    device.negotiate(0)?;
    let queue = device.queue(QUEUE, QUEUE_SIZE)?;
    let (memory, physical) = dma::alloc(REQUEST_BYTES);
    let mut source = Source {
        link: device.start(),
        queue,
        memory,
        physical,
        filled: 0,
        taken: 0,
    };
    source.request();
    let irq = source.link.irq();
    *SOURCE.lock() = Some(source);
    arch::interrupt::register(irq, on_interrupt);
    Ok(())
}

impl Source {
    fn request(&mut self) {
        let segment = Segment {
            address: self.physical,
            len: REQUEST_BYTES as u32,
            device_writes: true,
        };
        (self.filled, self.taken) = (0, 0);
        let _ = self.queue.enable_interrupts();
        if self.queue.add(&[segment]).is_some() && self.queue.should_notify() {
            self.link.notify(QUEUE);
        }
    }

    fn reap(&mut self) {
        if let Some(used) = self.queue.pop() {
            (self.filled, self.taken) = (used.written as usize, 0);
        }
    }

    /// True if there are bytes, or never will be.
    fn is_ready(&mut self) -> bool {
        self.reap();
        self.taken < self.filled || self.queue.in_flight() == 0 || self.queue.is_broken()
    }

    /// Moves bytes out, each once: they are wiped behind us.
    fn take(&mut self, buffer: &mut [u8]) -> usize {
        let count = buffer.len().min(self.filled - self.taken);
        for (index, byte) in buffer[..count].iter_mut().enumerate() {
            // SAFETY: `taken + index` is below `filled`, which is at most the buffer's length, and no request is in flight.
            unsafe {
                let at = self.memory.byte_add(self.taken + index);
                *byte = at.read_volatile();
                at.write_volatile(0);
            }
        }
        self.taken += count;
        count
    }
}

/// Fills the front of `buffer`; less than all if there is no device or it stops giving.
pub(super) fn fill(buffer: &mut [u8]) -> usize {
    let (mut filled, mut asked) = (0, false);
    while filled < buffer.len() {
        wait_for(&CHANGED, || SOURCE.lock().as_mut().is_none_or(Source::is_ready));
        let mut guard = SOURCE.lock();
        let Some(source) = guard.as_mut() else { break };
        let count = source.take(&mut buffer[filled..]);
        filled += count;
        if filled == buffer.len() || source.queue.is_broken() || (count == 0 && asked) {
            break;
        }
        if source.queue.in_flight() == 0 {
            source.request();
            asked = true;
        }
    }
    filled
}

fn on_interrupt() {
    {
        let mut source = SOURCE.lock();
        let Some(source) = source.as_mut() else { return };
        source.link.acknowledge();
        source.reap();
    }
    CHANGED.wake_all();
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
