//! The split virtqueue (virtio 1.2, 2.7).
//!
//! All that the driver must remember (free descriptors, which chains are in flight, how much the device may write into each) is kept in
//! memory that the device is not told of; the rings are only written, except for the used ring, whose every entry is checked. A device that
//! breaks the rules makes the queue [broken](Queue::is_broken): nothing more comes out of it.

use alloc::{boxed::Box, vec};
use core::{
    fmt,
    ptr::NonNull,
    sync::atomic::{AtomicU16, Ordering, fence},
};

/// A run of memory that is physically contiguous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Guest-physical address.
    pub address: u64,
    /// Length in bytes.
    pub len: u32,
    /// True if the device writes it, false if it reads it.
    pub device_writes: bool,
}

/// A chain that the device has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// What [`Queue::add`] gave for it.
    pub head: u16,
    /// Bytes that the device says it wrote; never more than the chain has room for.
    pub written: u32,
}

/// Where the three parts of a queue of a given size lie in its memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    size: u16,
    available: usize,
    used: usize,
    bytes: usize,
}

const DESCRIPTOR_BYTES: usize = 16;
const NEXT: u16 = 1;
const WRITE: u16 = 2;
/// In both `flags` fields: the other side need not tell.
const NO_EVENT: u16 = 1;

impl Layout {
    /// `size` is a power of two. Legacy devices find the used ring at the next page boundary (virtio 1.2, 2.7.2); others are told.
    pub(super) fn new(size: u16, legacy: bool) -> Self {
        let available = DESCRIPTOR_BYTES * usize::from(size);
        // flags, index, one entry each, used_event.
        let end = available + 6 + 2 * usize::from(size);
        let used = end.next_multiple_of(if legacy { crate::mm::PAGE_SIZE } else { 4 });
        Self {
            size,
            available,
            used,
            bytes: used + 6 + 8 * usize::from(size),
        }
    }

    /// Bytes of memory that the rings take.
    pub(super) const fn bytes(self) -> usize {
        self.bytes
    }
}

#[derive(Clone, Copy, Default)]
struct Chain {
    /// Descriptors; zero if the head is not in flight.
    descriptors: u16,
    /// Bytes that the device may write.
    writable: u32,
}

/// A split virtqueue, driver side.
pub struct Queue {
    memory: NonNull<u8>,
    physical: u64,
    layout: Layout,
    event_idx: bool,
    /// For each descriptor the one after it, in a chain or in the list of free ones.
    next: Box<[u16]>,
    chains: Box<[Chain]>,
    free_head: u16,
    free: u16,
    in_flight: u16,
    /// Our index in the available ring; shown to the device by `publish`.
    available: u16,
    /// `available` when the device was last told.
    told: u16,
    /// Our index in the used ring.
    used: u16,
    broken: bool,
}

// SAFETY: the ring memory belongs to this value alone (and to the device); it may move between threads.
unsafe impl Send for Queue {}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("size", &self.layout.size)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// A queue with its rings in zeroed, page-aligned memory of [`Layout::bytes`], by kernel and by guest-physical address, which must
    /// live forever and be nobody else's.
    pub(super) fn new(layout: Layout, (memory, physical): (NonNull<u8>, u64), event_idx: bool) -> Self {
        let size = layout.size;
        Self {
            memory,
            physical,
            layout,
            event_idx,
            next: (1..=size).collect(),
            chains: vec![Chain::default(); usize::from(size)].into(),
            free_head: 0,
            free: size,
            in_flight: 0,
            available: 0,
            told: 0,
            used: 0,
            broken: false,
        }
    }

    /// Guest-physical addresses of descriptor table, available ring and used ring.
    #[must_use]
    pub const fn addresses(&self) -> [u64; 3] {
        [
            self.physical,
            self.physical + self.layout.available as u64,
            self.physical + self.layout.used as u64,
        ]
    }

    /// Number of descriptors.
    #[must_use]
    pub const fn size(&self) -> u16 {
        self.layout.size
    }

    /// Descriptors that a next chain may have.
    #[must_use]
    pub const fn free(&self) -> u16 {
        self.free
    }

    /// Chains that the device has not given back.
    #[must_use]
    pub const fn in_flight(&self) -> u16 {
        self.in_flight
    }

    /// True after the device broke the protocol.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Makes a chain of the segments (what the device reads first, then what it writes) and shows it to the device, without telling it.
    ///
    /// Gives the chain's head, below [`size`](Self::size); `None` if there is no room, or if the queue is broken.
    pub fn add(&mut self, segments: &[Segment]) -> Option<u16> {
        let count = u16::try_from(segments.len()).ok()?;
        if count == 0 || count > self.free || self.broken {
            return None;
        }
        let head = self.free_head;
        let mut index = head;
        let mut writable = 0u32;
        for (position, segment) in segments.iter().enumerate() {
            let following = self.next[usize::from(index)];
            let last = position + 1 == segments.len();
            let flags = if last { 0 } else { NEXT } | if segment.device_writes { WRITE } else { 0 };
            self.write_descriptor(index, segment, flags, if last { 0 } else { following });
            writable = writable.saturating_add(if segment.device_writes { segment.len } else { 0 });
            index = following;
        }
        self.free_head = index;
        self.free -= count;
        self.in_flight += 1;
        self.chains[usize::from(head)] = Chain {
            descriptors: count,
            writable,
        };
        let slot = usize::from(self.available & (self.layout.size - 1));
        self.u16_at(self.layout.available + 4 + 2 * slot)
            .store(head, Ordering::Relaxed);
        self.available = self.available.wrapping_add(1);
        // The entry and its descriptors must be there before the index says so.
        self.u16_at(self.layout.available + 2)
            .store(self.available, Ordering::Release);
        Some(head)
    }

    /// True if the device wants to be told of what was [added](Self::add) since it was last asked this. Ring the doorbell then.
    #[must_use]
    pub fn should_notify(&mut self) -> bool {
        if self.told == self.available {
            return false;
        }
        let (old, new) = (core::mem::replace(&mut self.told, self.available), self.available);
        // The device must not miss the new index if we miss its wish (virtio 1.2, 2.7.13.4).
        fence(Ordering::SeqCst);
        if self.event_idx {
            let event = self
                .u16_at(self.layout.used + 4 + 8 * usize::from(self.layout.size))
                .load(Ordering::Relaxed);
            // `vring_need_event` of virtio 1.2, 2.7.10.
            new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
        } else {
            self.u16_at(self.layout.used).load(Ordering::Relaxed) & NO_EVENT == 0
        }
    }

    /// True if [`pop`](Self::pop) has something.
    #[must_use]
    pub fn has_used(&self) -> bool {
        !self.broken && self.device_index() != self.used
    }

    /// The next chain that the device finished; its descriptors are free again.
    ///
    /// An entry that names no chain in flight breaks the queue.
    pub fn pop(&mut self) -> Option<Used> {
        if !self.has_used() {
            return None;
        }
        // The device cannot have finished more than it was given.
        if self.device_index().wrapping_sub(self.used) > self.in_flight {
            self.broken = true;
            return None;
        }
        let entry = self.layout.used + 4 + 8 * usize::from(self.used & (self.layout.size - 1));
        let (id, written) = (self.read_u32(entry), self.read_u32(entry + 4));
        let head = u16::try_from(id).ok().filter(|&head| {
            self.chains
                .get(usize::from(head))
                .is_some_and(|chain| chain.descriptors != 0)
        });
        let Some(head) = head else {
            self.broken = true;
            return None;
        };
        self.used = self.used.wrapping_add(1);
        let chain = core::mem::take(&mut self.chains[usize::from(head)]);
        self.release(head, chain.descriptors);
        Some(Used {
            head,
            written: written.min(chain.writable),
        })
    }

    /// Wants an interrupt as soon as the device finishes another chain. True if one is finished already, for which there may be none.
    #[must_use]
    pub fn enable_interrupts(&mut self) -> bool {
        self.interrupt_at(self.used)
    }

    /// Wants one interrupt when all chains in flight are finished (without `EVENT_IDX`: for each). True if that is the case already,
    /// or if anything is finished.
    #[must_use]
    pub fn interrupt_when_idle(&mut self) -> bool {
        self.interrupt_at(self.available.wrapping_sub(1))
    }

    /// Wants no interrupts; some may come yet.
    pub fn disable_interrupts(&mut self) {
        if self.event_idx {
            // The index just behind us: the device gets there after all others.
            self.used_event()
                .store(self.used.wrapping_sub(1), Ordering::Relaxed);
        } else {
            self.u16_at(self.layout.available)
                .store(NO_EVENT, Ordering::Relaxed);
        }
    }

    fn interrupt_at(&mut self, index: u16) -> bool {
        if self.event_idx {
            self.used_event().store(index, Ordering::Relaxed);
        } else {
            self.u16_at(self.layout.available).store(0, Ordering::Relaxed);
        }
        // The device must see the wish, or we must see what it finished before it looked (virtio 1.2, 2.7.10).
        fence(Ordering::SeqCst);
        self.has_used()
    }

    fn release(&mut self, head: u16, descriptors: u16) {
        let mut last = head;
        for _ in 1..descriptors {
            last = self.next[usize::from(last)];
        }
        self.next[usize::from(last)] = core::mem::replace(&mut self.free_head, head);
        self.free += descriptors;
        self.in_flight -= 1;
    }

    fn write_descriptor(&self, index: u16, segment: &Segment, flags: u16, next: u16) {
        let words = [
            segment.address,
            u64::from(segment.len) | u64::from(flags) << 32 | u64::from(next) << 48,
        ];
        // SAFETY: `index` is below `size` (it comes from `next`), so the descriptor is inside the table, which is 16-byte aligned.
        unsafe {
            let descriptor = self
                .memory
                .byte_add(DESCRIPTOR_BYTES * usize::from(index))
                .cast::<u64>();
            descriptor.write_volatile(words[0]);
            descriptor.add(1).write_volatile(words[1]);
        }
    }

    fn device_index(&self) -> u16 {
        // What the index covers is read after it.
        self.u16_at(self.layout.used + 2).load(Ordering::Acquire)
    }

    fn used_event(&self) -> &AtomicU16 {
        self.u16_at(self.layout.available + 4 + 2 * usize::from(self.layout.size))
    }

    fn u16_at(&self, offset: usize) -> &AtomicU16 {
        debug_assert!(offset + 2 <= self.layout.bytes && offset.is_multiple_of(2));
        // SAFETY: inside the ring memory, which lives forever, aligned, and shared with the device only through such accesses.
        unsafe { AtomicU16::from_ptr(self.memory.byte_add(offset).cast().as_ptr()) }
    }

    fn read_u32(&self, offset: usize) -> u32 {
        debug_assert!(offset + 4 <= self.layout.bytes && offset.is_multiple_of(4));
        // SAFETY: inside the ring memory and aligned; the device may write it at any time, hence volatile.
        unsafe { self.memory.byte_add(offset).cast::<u32>().read_volatile() }
    }
}

#[cfg(test)]
mod tests;
