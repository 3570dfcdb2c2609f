//! The virtio file system device (virtio 1.2, 5.11): a folder of the host's, spoken to by FUSE messages. What they mean is `fs::fuse`'s affair.
//!
//! A message goes by way of a slot of memory that the device reaches; a few may be under way at once, and who finds no slot waits for one.

use super::virtio::{Device, Error, Link, Queue, Segment};
use crate::{
    arch,
    mm::dma,
    sync::Lock,
    wait::{WaitQueue, wait_for},
};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::ptr::NonNull;

/// The queue for requests; before it is the one of high priority, for which nothing here is urgent enough.
const REQUESTS: u16 = 1;
const SLOTS: usize = 4;
/// Bytes of a slot: headers and fixed arguments, the reply's header and a short reply, then data of either.
const SLOT_BYTES: usize = 64 << 10;
const HEAD_BYTES: usize = 1024;
const REPLY_AT: usize = 1024;
const SHORT_AT: usize = 1280;
const SHORT_BYTES: usize = DATA_AT - SHORT_AT;
const DATA_AT: usize = 4096;
/// Most bytes of data in one message.
pub const DATA_BYTES: usize = SLOT_BYTES - DATA_AT;
/// Length of the header of each reply (`struct fuse_out_header`).
pub const REPLY_HEADER: usize = 16;

/// Somebody who answers FUSE messages.
pub trait Exchange: Send + Sync {
    /// Sends `head` and `data`, and waits for the reply: its header, and how much of its body came to `body`. `None` where the device is broken, or answered
    /// less than a header.
    ///
    /// `head` has at most 1 KiB, `data` and `body` at most [`DATA_BYTES`]; with `data` there is room for 2 KiB of `body`.
    fn exchange(&self, head: &[u8], data: &[u8], body: &mut [u8]) -> Option<([u8; REPLY_HEADER], usize)>;

    /// Sends a message that has no reply.
    fn tell(&self, head: &[u8], data: &[u8]);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Free,
    /// The device has it, in the chain with this head.
    Sent(u16),
    /// The device wrote so many bytes.
    Done(u32),
}

struct State {
    queue: Queue,
    slots: [Slot; SLOTS],
}

/// A folder.
pub struct Folder {
    link: Link,
    tag: String,
    memory: NonNull<u8>,
    physical: u64,
    state: Lock<State>,
    changed: WaitQueue,
}

// SAFETY: the memory of a slot belongs to the device or to the one thread that took the slot.
unsafe impl Send for Folder {}
// SAFETY: as above.
unsafe impl Sync for Folder {}

impl core::fmt::Debug for Folder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Folder({})", self.tag)
    }
}

/// Folders whose interrupts are served; they stay for the life of the VM.
static FOLDERS: Lock<Vec<&'static Folder>> = Lock::new(Vec::new());

impl Folder {
    /// Sets the device up and serves its interrupts from now on.
    ///
    /// # Errors
    ///
    /// See [`virtio::Error`](Error).
    pub fn probe(device: Device) -> Result<&'static Self, Error> {
        let folder: &'static Self = Box::leak(Box::new(Self::new(device)?));
        FOLDERS.lock().push(folder);
        arch::interrupt::register(folder.link.irq(), on_interrupt);
        Ok(folder)
    }

    fn new(mut device: Device) -> Result<Self, Error> {
        device.negotiate(0)?;
        // Never used, but devices may insist on it.
        device.queue(0, 2)?.disable_interrupts();
        let queue = device.queue(REQUESTS, 4 * SLOTS as u16)?;
        let tag = (0..9u16).flat_map(|word| device.config(4 * word).to_le_bytes());
        let tag: Vec<u8> = tag.take_while(|&byte| byte != 0).collect();
        let (memory, physical) = dma::alloc(SLOTS * SLOT_BYTES);
        Ok(Self {
            tag: String::from_utf8_lossy(&tag).into_owned(),
            memory,
            physical,
            state: Lock::new(State {
                queue,
                slots: [Slot::Free; SLOTS],
            }),
            changed: WaitQueue::new(),
            link: device.start(),
        })
    }

    /// The name by which the boot line means it.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Copies into a slot.
    fn put(&self, slot: usize, at: usize, bytes: &[u8]) {
        let room = SLOT_BYTES - at;
        // SAFETY: 1. the range is inside of the slot; 2. the slot is the calling thread's.
        unsafe {
            let to = self.memory.byte_add(slot * SLOT_BYTES + at);
            core::ptr::copy(bytes.as_ptr(), to.as_ptr(), bytes.len().min(room));
        }
    }

    /// Copies out of a slot.
    fn get(&self, slot: usize, at: usize, bytes: &mut [u8]) {
        let count = bytes.len().min(SLOT_BYTES - at);
        // SAFETY: as in `put`.
        unsafe {
            let from = self.memory.byte_add(slot * SLOT_BYTES + at);
            core::ptr::copy(from.as_ptr(), bytes.as_mut_ptr(), count);
        }
    }

    /// Takes a slot, waiting for one; `None` where the device is broken.
    fn take(&self) -> Option<usize> {
        let mut taken = None;
        wait_for(&self.changed, || {
            let mut state = self.state.lock();
            let free = state.slots.iter().position(|slot| *slot == Slot::Free);
            if let Some(slot) = free {
                // Nobody's but ours until it is sent: no chain has this head.
                state.slots[slot] = Slot::Sent(u16::MAX);
                taken = Some(slot);
            }
            taken.is_some() || state.queue.is_broken()
        });
        taken
    }

    /// Sends a slot and waits until the device is done with it; how much it wrote.
    fn send(&self, slot: usize, head: usize, data: usize, body: usize) -> Option<usize> {
        let base = self.physical + (slot * SLOT_BYTES) as u64;
        let segment = |at: usize, len: usize, device_writes| Segment {
            address: base + at as u64,
            len: len as u32,
            device_writes,
        };
        let mut segments = Vec::with_capacity(4);
        segments.push(segment(0, head, false));
        if data > 0 {
            segments.push(segment(DATA_AT, data, false));
        }
        if body > 0 {
            segments.push(segment(REPLY_AT, REPLY_HEADER, true));
            let at = if data > 0 { SHORT_AT } else { DATA_AT };
            if body > REPLY_HEADER {
                segments.push(segment(at, body - REPLY_HEADER, true));
            }
        }
        let notify = {
            let mut state = self.state.lock();
            let chain = state.queue.add(&segments)?;
            state.slots[slot] = Slot::Sent(chain);
            let _ = state.queue.enable_interrupts();
            state.queue.should_notify()
        };
        if notify {
            self.link.notify(REQUESTS);
        }
        let mut written = None;
        wait_for(&self.changed, || {
            let mut state = self.state.lock();
            state.reap();
            if let Slot::Done(bytes) = state.slots[slot] {
                written = Some(bytes as usize);
            }
            written.is_some() || state.queue.is_broken()
        });
        written
    }

    fn give_back(&self, slot: usize) {
        self.state.lock().slots[slot] = Slot::Free;
        self.changed.wake_all();
    }
}

impl State {
    fn reap(&mut self) {
        while let Some(used) = self.queue.pop() {
            let slot = self.slots.iter_mut().find(|slot| **slot == Slot::Sent(used.head));
            if let Some(slot) = slot {
                *slot = Slot::Done(used.written);
            }
        }
    }
}

impl Exchange for Folder {
    fn exchange(&self, head: &[u8], data: &[u8], body: &mut [u8]) -> Option<([u8; REPLY_HEADER], usize)> {
        let most = if data.is_empty() { DATA_BYTES } else { SHORT_BYTES };
        if head.len() > HEAD_BYTES || data.len() > DATA_BYTES || body.len() > most {
            return None;
        }
        let slot = self.take()?;
        self.put(slot, 0, head);
        self.put(slot, DATA_AT, data);
        // A slot that a broken device may still have is nobody's any more.
        let written = self.send(slot, head.len(), data.len(), REPLY_HEADER + body.len())?;
        let mut header = [0; REPLY_HEADER];
        self.get(slot, REPLY_AT, &mut header);
        let count = written.saturating_sub(REPLY_HEADER).min(body.len());
        let at = if data.is_empty() { DATA_AT } else { SHORT_AT };
        self.get(slot, at, &mut body[..count]);
        self.give_back(slot);
        (written >= REPLY_HEADER).then_some((header, count))
    }

    fn tell(&self, head: &[u8], data: &[u8]) {
        if head.len() > HEAD_BYTES || data.len() > DATA_BYTES {
            return;
        }
        let Some(slot) = self.take() else { return };
        self.put(slot, 0, head);
        self.put(slot, DATA_AT, data);
        if self.send(slot, head.len(), data.len(), 0).is_some() {
            self.give_back(slot);
        }
    }
}

/// Serves all folders: their interrupts may share a line.
fn on_interrupt() {
    let folder = |index| FOLDERS.lock().get(index).copied();
    for index in 0.. {
        let Some(folder) = folder(index) else { return };
        folder.link.acknowledge();
        folder.state.lock().reap();
        folder.changed.wake_all();
    }
}
