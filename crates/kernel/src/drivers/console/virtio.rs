//! The virtio console, one port (virtio 1.2, 5.3): output, and what it shares with the [`input`].
//!
//! Text is copied into slots, each a chain of its own; the device is told when it asks to be, so a program that prints faster than the
//! host reads rings few doorbells.

#[path = "input.rs"]
mod input;

use crate::{
    arch,
    drivers::virtio::{Device, Error, Link, Queue, Segment},
    mm::dma,
    sync::Lock,
    wait::WaitQueue,
};
use core::ptr::NonNull;
use input::{Input, RECEIVE};

pub use input::State;

const TRANSMIT: u16 = 1;
const SLOTS: u16 = 16;
const SLOT_BYTES: usize = 1024;
/// Looks at the ring before a host that takes nothing is given up: some seconds.
const PATIENCE: u32 = 200_000_000;

struct Port {
    link: Link,
    input: Input,
    queue: Queue,
    memory: NonNull<u8>,
    physical: u64,
    /// Slot by head of its chain.
    by_head: [u16; SLOTS as usize],
    /// The set of slots that the device does not have.
    free: u16,
}

// SAFETY: the slot memory belongs to this value and the device alone.
unsafe impl Send for Port {}

static PORT: Lock<Option<Port>> = Lock::new(None);
static ROOM: WaitQueue = WaitQueue::new();
static HEARD: WaitQueue = WaitQueue::new();

/// Sets the device up; from now on it is the console. A second one is left alone.
pub(in crate::drivers) fn probe(device: Device) -> Result<(), Error> {
    if PORT.lock().is_some() {
        return Ok(());
    }
    let port = Port::new(device)?;
    let irq = port.link.irq();
    *PORT.lock() = Some(port);
    arch::interrupt::register(irq, on_interrupt);
    Ok(())
}

impl Port {
    fn new(mut device: Device) -> Result<Self, Error> {
        device.negotiate(0)?;
        // Perhaps never used, but devices may insist on it.
        let input = Input::new(device.queue(RECEIVE, input::SLOTS)?);
        let mut queue = device.queue(TRANSMIT, SLOTS)?;
        queue.disable_interrupts();
        let (memory, physical) = dma::alloc(usize::from(SLOTS) * SLOT_BYTES);
        let free = u16::MAX >> (SLOTS - queue.size());
        Ok(Self {
            link: device.start(),
            input,
            queue,
            memory,
            physical,
            by_head: [0; SLOTS as usize],
            free,
        })
    }

    fn reap(&mut self) {
        while let Some(used) = self.queue.pop() {
            self.free |= 1 << self.by_head[usize::from(used.head)];
        }
    }

    /// Queues as much as there are slots for. Whoever finds none is told by an interrupt when there is one.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        if !self.wait_for_room() {
            return 0;
        }
        for chunk in bytes.chunks(SLOT_BYTES) {
            if self.free == 0 {
                break;
            }
            let slot = self.free.trailing_zeros() as u16;
            let at = usize::from(slot) * SLOT_BYTES;
            // SAFETY: the slot is free, so its `SLOT_BYTES` are ours, and a chunk is no longer.
            unsafe {
                self.memory
                    .byte_add(at)
                    .copy_from_nonoverlapping(NonNull::from(chunk).cast(), chunk.len())
            };
            let segment = Segment {
                address: self.physical + at as u64,
                len: chunk.len() as u32,
                device_writes: false,
            };
            let Some(head) = self.queue.add(&[segment]) else {
                break;
            };
            self.by_head[usize::from(head)] = slot;
            self.free &= !(1 << slot);
            taken += chunk.len();
        }
        if self.queue.should_notify() {
            self.link.notify(TRANSMIT);
        }
        // A broken device takes everything, to nowhere: the program must not hang on it.
        if self.queue.is_broken() {
            bytes.len()
        } else {
            taken
        }
    }

    fn has_room(&mut self) -> bool {
        self.reap();
        self.free != 0 || self.queue.is_broken()
    }

    /// True if there is room; else an interrupt will come when there is.
    fn wait_for_room(&mut self) -> bool {
        self.has_room() || (self.queue.enable_interrupts() && self.has_room())
    }
}

/// `None` if there is no such device, or if it is being used below us on the stack (a report from inside the driver).
pub(super) fn try_write(bytes: &[u8]) -> Option<usize> {
    Some(PORT.try_lock()?.as_mut()?.write(bytes))
}

/// True if there is a device that can be heard; from now on it is.
pub(super) fn listen() -> bool {
    let mut port = PORT.lock();
    let Some(port) = port.as_mut() else { return false };
    port.input.listen(&port.link);
    true
}

/// 0 is the end, as it is without a device; `None` if nothing waits.
pub(super) fn try_read(buffer: &mut [u8]) -> Option<usize> {
    let (read, ended) = {
        let mut port = PORT.lock();
        let Some(port) = port.as_mut() else { return Some(0) };
        (port.input.read(buffer, &port.link), port.input.state().ended)
    };
    // The look for more may have found the end, of which no interrupt tells any more; edge-triggered, that is an event of its own (`epoll(7)`).
    if ended && read != Some(0) {
        HEARD.wake_all();
    }
    read
}

pub(super) fn heard() -> &'static WaitQueue {
    &HEARD
}

/// What a read would find; if that is nothing, an interrupt will come when it changes.
pub(super) fn input() -> State {
    let ended = State {
        waiting: 0,
        ended: true,
    };
    PORT.lock().as_mut().map_or(ended, |port| port.input.state())
}

pub(super) fn room() -> &'static WaitQueue {
    &ROOM
}

/// True if there is room; else an interrupt will come when there is.
pub(super) fn has_room() -> bool {
    PORT.lock().as_mut().is_none_or(Port::wait_for_room)
}

/// Watches the ring until there is room; false if none came in some seconds.
pub(super) fn spin_for_room() -> bool {
    spin_until(Port::has_room)
}

pub(super) fn flush() {
    spin_until(|port| {
        port.reap();
        port.queue.in_flight() == 0 || port.queue.is_broken()
    });
}

fn spin_until(mut done: impl FnMut(&mut Port) -> bool) -> bool {
    let Some(mut guard) = PORT.try_lock() else {
        return false;
    };
    let Some(port) = guard.as_mut() else { return false };
    (0..PATIENCE).any(|_| {
        core::hint::spin_loop();
        done(port)
    })
}

fn on_interrupt() {
    let come = {
        let mut port = PORT.lock();
        let Some(port) = port.as_mut() else { return };
        port.link.acknowledge();
        port.reap();
        port.queue.disable_interrupts();
        port.input.has_come()
    };
    ROOM.wake_all();
    if come {
        HEARD.wake_all();
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
