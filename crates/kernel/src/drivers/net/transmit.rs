//! The sending half of a virtio network device.
//!
//! A frame is written where the device reads it: into neighbouring slots, as many as it takes, lowest free ones first (so that a quiet
//! guest touches few pages). What has been sent is noticed when room is looked for; no interrupt says so.
//!
//! All slots together are about a 64th of memory, 256 KiB to 2 MiB. When they are full the program waits for a turn of the device: with 256 KiB, five long frames, nginx
//! sent half as many files of 1 MiB in a second as with 2 MiB.

use super::{TxOptions, virtio::FLAG_NEEDS_CHECKSUM};
use crate::{
    drivers::virtio::{Queue, Segment},
    mm::{self, dma},
};
use alloc::{boxed::Box, vec};
use core::ptr::NonNull;

const SLOTS: u32 = u128::BITS;
const SMALLEST_SLOT: usize = 2048;
const LARGEST_SLOT: usize = 16 << 10;
const GSO_TCPV4: u8 = 1;
/// The longest frame: 64 KiB of IP and an Ethernet header.
const MAX_FRAME: usize = 65_536 + 14;

pub(super) struct Sender {
    pub(super) queue: Queue,
    memory: NonNull<u8>,
    physical: u64,
    header: usize,
    /// Bytes of a slot.
    slot: usize,
    /// Slots of the frame by head of its chain.
    by_head: Box<[u128]>,
    /// Slots that the device does not have.
    free: u128,
}

// SAFETY: the slots belong to this value and the device alone.
unsafe impl Send for Sender {}

impl Sender {
    /// `header`: bytes of the header before each frame.
    pub(super) fn new(mut queue: Queue, header: usize) -> Self {
        queue.disable_interrupts();
        let slot = slot_for(mm::usage().total);
        let (memory, physical) = dma::alloc(SLOTS as usize * slot);
        let by_head = vec![0; usize::from(queue.size())].into();
        Self {
            queue,
            memory,
            physical,
            header,
            slot,
            by_head,
            free: u128::MAX,
        }
    }

    pub(super) fn reap(&mut self) {
        while let Some(used) = self.queue.pop() {
            self.free |= self.by_head[usize::from(used.head)];
        }
    }

    /// True if a frame of `len` bytes finds room.
    pub(super) fn has_room(&mut self, len: usize) -> bool {
        let room =
            |sender: &Self| sender.queue.free() > 0 && find_run(sender.free, sender.slots(len)).is_some();
        room(self) || {
            self.reap();
            room(self)
        }
    }

    fn slots(&self, len: usize) -> u32 {
        (len + self.header).div_ceil(self.slot) as u32
    }

    /// Queues a frame; false, without calling `fill`, if there is no room for it.
    pub(super) fn send(&mut self, len: usize, options: TxOptions, fill: &mut dyn FnMut(&mut [u8])) -> bool {
        if len == 0 || len > MAX_FRAME || self.queue.is_broken() || !self.has_room(len) {
            return false;
        }
        let count = self.slots(len);
        let Some(first) = find_run(self.free, count) else {
            return false;
        };
        let at = first as usize * self.slot;
        // SAFETY: slots `first..first + count` are free, so that memory is ours alone until the chain is added; they have room for header and frame.
        let bytes =
            unsafe { core::slice::from_raw_parts_mut(self.memory.byte_add(at).as_ptr(), self.header + len) };
        let (header, frame) = bytes.split_at_mut(self.header);
        write_header(header, options);
        fill(frame);
        let segment = Segment {
            address: self.physical + at as u64,
            len: (self.header + len) as u32,
            device_writes: false,
        };
        let Some(head) = self.queue.add(&[segment]) else {
            return false;
        };
        let taken = (u128::MAX >> (SLOTS - count)) << first;
        self.by_head[usize::from(head)] = taken;
        self.free &= !taken;
        true
    }
}

/// Bytes of a slot where there are so many of memory.
fn slot_for(memory: u64) -> usize {
    let share = usize::try_from(memory / 64 / u64::from(SLOTS)).unwrap_or(LARGEST_SLOT);
    share.clamp(SMALLEST_SLOT, LARGEST_SLOT).next_power_of_two()
}

/// The lowest place where `count` free slots are neighbours.
fn find_run(free: u128, count: u32) -> Option<u32> {
    if count == 0 || count > SLOTS {
        return None;
    }
    // After each step, a bit says that a run of so many begins there.
    let (mut starts, mut len) = (free, 1);
    while len < count {
        let step = len.min(count - len);
        starts &= starts >> step;
        len += step;
    }
    (starts != 0).then(|| starts.trailing_zeros())
}

/// `struct virtio_net_hdr` (virtio 1.2, 5.1.6).
fn write_header(header: &mut [u8], options: TxOptions) {
    header.fill(0);
    if let Some(checksum) = options.checksum {
        header[0] = FLAG_NEEDS_CHECKSUM;
        header[6..8].copy_from_slice(&checksum.start.to_le_bytes());
        header[8..10].copy_from_slice(&checksum.offset.to_le_bytes());
        if let Some(segmentation) = options.segmentation {
            header[1] = GSO_TCPV4;
            header[2..4].copy_from_slice(&segmentation.header_len.to_le_bytes());
            header[4..6].copy_from_slice(&segmentation.segment_size.to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{find_run, slot_for};

    #[test]
    fn slots_take_a_64th_of_memory_within_bounds() {
        for (mib, expected) in [
            (8, 2048),
            (16, 2048),
            (64, 8192),
            (100, 16_384),
            (128, 16_384),
            (65_536, 16_384),
        ] {
            assert_eq!(slot_for(mib << 20), expected, "{mib} MiB");
        }
    }

    #[test]
    fn runs_are_found_lowest_first() {
        for (free, count, expected) in [
            (u128::MAX, 1, Some(0)),
            (u128::MAX, 128, Some(0)),
            (u128::MAX, 129, None),
            (u128::MAX << 1, 128, None),
            (0, 1, None),
            (0b1011_1011, 3, Some(3)),
            (0b1011_0110, 3, None),
            (0b1111_0111, 4, Some(4)),
            (1 << 127, 1, Some(127)),
            (0x7f << 60, 7, Some(60)),
            (0x7f << 60, 8, None),
            (u128::MAX, 0, None),
        ] {
            assert_eq!(find_run(free, count), expected, "{free:#x} {count}");
        }
    }
}
