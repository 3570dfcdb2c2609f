//! Serving virtqueues whose every byte the guest may have made up.
//!
//! `virtio-queue` reads the rings; this module bounds the work ([`serve`]) and turns descriptor chains into [`Slices`]: pieces of guest memory
//! whose addresses have been checked, and which can go to `readv(2)` and its kin without a copy. References: virtio 1.2, section 2.7.

use std::{
    collections::VecDeque,
    sync::atomic::{Ordering, fence},
};

use virtio_queue::{DescriptorChain, Queue, QueueOwnedT, QueueT};
use vm_memory::{Address, Bytes, GuestAddress, GuestMemoryBackend, VolatileSlice};

use crate::memory::GuestMemory;

/// `VIRTQ_AVAIL_F_NO_INTERRUPT`, virtio 1.2 section 2.7.7.
const NO_INTERRUPT: u16 = 1;
/// Bytes of flags and index before the entries of the available and of the used ring, 2.7.6 and 2.7.8.
const AVAILABLE_HEADER: u64 = 4;
const USED_HEADER: u64 = 4;

/// What made a device unusable until the driver resets it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The rings are nonsense.
    #[error("the guest's virtqueue is broken: {0}")]
    Ring(#[from] virtio_queue::Error),
    /// A buffer for the device's data is nonsense.
    #[error("the guest offered a malformed buffer")]
    Buffer,
}

/// What one call to a device has led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The driver wants to hear of it.
    pub(crate) interrupt: bool,
    /// The budget ran out: call again, after others had their turn.
    pub(crate) again: bool,
}

/// Pieces of guest memory, in order.
#[derive(Debug, Default)]
pub(crate) struct Slices<'a> {
    parts: VecDeque<VolatileSlice<'a>>,
    length: usize,
}

impl<'a> Slices<'a> {
    fn push(&mut self, part: VolatileSlice<'a>) {
        self.length += part.len();
        if !part.is_empty() {
            self.parts.push_back(part);
        }
    }

    /// Bytes left.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Takes up to `count` bytes off the front.
    pub(crate) fn take(&mut self, count: usize) -> Self {
        let mut front = Self::default();
        while front.length < count {
            let Some(part) = self.parts.pop_front() else { break };
            self.length -= part.len();
            let wanted = count - front.length;
            match part.split_at(wanted.min(part.len())) {
                Ok((head, tail)) => {
                    front.push(head);
                    if !tail.is_empty() {
                        self.length += tail.len();
                        self.parts.push_front(tail);
                    }
                }
                // The split point is inside the part, so this is out of reach.
                Err(_) => break,
            }
        }
        front
    }

    /// Copies from the front into `bytes`, taking what was copied off; returns how much that was.
    pub(crate) fn read(&mut self, bytes: &mut [u8]) -> usize {
        let mut done = 0;
        for part in &self.take(bytes.len()).parts {
            part.copy_to(&mut bytes[done..done + part.len()]);
            done += part.len();
        }
        done
    }

    /// Copies `bytes` to the front, taking what was filled off; returns how much that was.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> usize {
        let mut done = 0;
        for part in &self.take(bytes.len()).parts {
            part.copy_from(&bytes[done..done + part.len()]);
            done += part.len();
        }
        done
    }

    /// Copies `bytes` to `offset` bytes behind the front; what does not fit is left out.
    pub(crate) fn write_at(&self, offset: usize, bytes: &[u8]) {
        let (mut skip, mut bytes) = (offset, bytes);
        for part in &self.parts {
            if let Ok(rest) = part.offset(skip.min(part.len())) {
                let count = rest.len().min(bytes.len());
                rest.copy_from(&bytes[..count]);
                bytes = &bytes[count..];
            }
            skip = skip.saturating_sub(part.len());
        }
    }

    /// Appends the pieces for a vectored system call. Valid as long as the guest memory is mapped, which is `'a`.
    pub(crate) fn append_to(&self, vectors: &mut Vec<libc::iovec>) {
        vectors.extend(self.parts.iter().map(|part| libc::iovec {
            iov_base: part.ptr_guard_mut().as_ptr().cast(),
            iov_len: part.len(),
        }));
    }
}

/// One request of the driver.
#[derive(Debug)]
pub(crate) struct Chain<'a> {
    /// Index of its first descriptor.
    pub(crate) head: u16,
    /// What the device may read.
    pub(crate) readable: Slices<'a>,
    /// What the device may write.
    pub(crate) writable: Slices<'a>,
}

impl<'a> Chain<'a> {
    /// Checks all descriptors; `None` if one lies outside of memory, readable follows writable (2.7.4.2), the chain is longer
    /// than the queue (2.7.5.3.1) or it has no end.
    fn parse(chain: DescriptorChain<&'a GuestMemory>, memory: &'a GuestMemory, longest: u16) -> Option<Self> {
        let mut parsed = Self {
            head: chain.head_index(),
            readable: Slices::default(),
            writable: Slices::default(),
        };
        let mut complete = false;
        for (count, descriptor) in chain.enumerate() {
            if count >= usize::from(longest) {
                return None;
            }
            let address = GuestAddress(descriptor.addr().0);
            let part = memory.get_slice(address, descriptor.len() as usize).ok()?;
            if descriptor.is_write_only() {
                parsed.writable.push(part);
            } else if parsed.writable.len() > 0 {
                return None;
            } else {
                parsed.readable.push(part);
            }
            complete = !descriptor.has_next();
        }
        complete.then_some(parsed)
    }
}

/// Takes the next request; `Ok(None)` if there is none.
///
/// # Errors
///
/// [`Error::Ring`] for rings that lie; [`Error::Buffer`] for a chain that does not [parse](Chain::parse).
pub(crate) fn pop<'a>(queue: &mut Queue, memory: &'a GuestMemory) -> Result<Option<Chain<'a>>, Error> {
    let size = queue.size();
    match queue.iter(memory)?.next() {
        Some(chain) => Chain::parse(chain, memory, size).ok_or(Error::Buffer).map(Some),
        None => Ok(None),
    }
}

/// Serves up to `budget` requests; `handle` returns how many bytes it wrote to the request.
///
/// A malformed chain is a broken driver, and so breaks the device: the caller asks for a reset (2.1.2, `DEVICE_NEEDS_RESET`).
///
/// # Errors
///
/// See [`Error`].
pub(crate) fn serve<'a>(
    queue: &mut Queue,
    memory: &'a GuestMemory,
    budget: usize,
    mut handle: impl FnMut(Chain<'a>) -> u32,
) -> Result<Progress, Error> {
    let before = queue.next_used();
    let mut served = 0;
    let mut again = false;
    // Each round serves at least one request or is the last but one, so `budget` bounds the rounds too.
    for _ in 0..=budget {
        queue.disable_notification(memory)?;
        while served < budget {
            let Some(chain) = pop(queue, memory)? else { break };
            let head = chain.head;
            let written = handle(chain);
            queue.add_used(memory, head, written)?;
            served += 1;
        }
        again = queue.enable_notification(memory)?;
        if !again || served >= budget {
            break;
        }
    }
    Ok(Progress {
        interrupt: served > 0 && wants_interrupt(queue, memory, before)?,
        again,
    })
}

/// Gives several buffers, `(head, length)`, back at once: a driver that looks while we are at it sees all of them or none. The buffers of one
/// frame need it (5.1.6.4): a driver that polls would find the first, which counts the others, and miss those.
///
/// # Errors
///
/// [`Error::Ring`].
pub(crate) fn add_used_together(
    queue: &mut Queue,
    memory: &GuestMemory,
    buffers: &[(u16, u32)],
) -> Result<(), Error> {
    let Some(((last, length), others)) = buffers.split_last() else {
        return Ok(());
    };
    for &(head, length) in others {
        let slot = u64::from(queue.next_used() % queue.size());
        let at = GuestAddress(queue.used_ring())
            .checked_add(USED_HEADER + 8 * slot)
            .ok_or(virtio_queue::Error::AddressOverflow)?;
        // `struct virtq_used_elem`, 2.7.8.
        let element = u64::from(head) | u64::from(length) << 32;
        memory
            .write_obj(element.to_le(), at)
            .map_err(virtio_queue::Error::GuestMemory)?;
        queue.set_next_used(queue.next_used().wrapping_add(1));
    }
    // Writes its own element and then the index, which stands for all.
    Ok(queue.add_used(memory, *last, *length)?)
}

/// Whether the driver wants an interrupt for what was used since the used index was `before`: `used_event` (2.7.10) or the flag (2.7.7).
///
/// # Errors
///
/// [`Error::Ring`].
pub(crate) fn wants_interrupt(queue: &Queue, memory: &GuestMemory, before: u16) -> Result<bool, Error> {
    let available = GuestAddress(queue.avail_ring());
    // The driver writes its wish and then looks at the index; we do it the other way round, and one of us sees the other (2.7.10).
    fence(Ordering::SeqCst);
    let load = |offset: u64| {
        let at = available
            .checked_add(offset)
            .ok_or(virtio_queue::Error::AddressOverflow)?;
        memory
            .load::<u16>(at, Ordering::SeqCst)
            .map(u16::from_le)
            .map_err(virtio_queue::Error::GuestMemory)
    };
    if queue.event_idx_enabled() {
        let used = queue.next_used();
        let event = load(AVAILABLE_HEADER + 2 * u64::from(queue.size()))?;
        // `vring_need_event` of 2.7.10.
        return Ok(used.wrapping_sub(event).wrapping_sub(1) < used.wrapping_sub(before));
    }
    Ok(load(0)? & NO_INTERRUPT == 0)
}
