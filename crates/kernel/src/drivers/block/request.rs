//! From a transfer of any size to requests that the device takes, and back to a result (virtio 1.2, 5.2.6).
//!
//! Each request in flight has a slot: 32 bytes for header and status, and a sector of its own (*bounce*) for when a sector lies
//! across two pages and the device takes only one segment.

use super::{BlockError, SECTOR_SIZE};
use crate::{
    drivers::virtio::{Queue, Segment},
    mm::{PAGE_SIZE, dma},
};
use alloc::{boxed::Box, vec, vec::Vec};
use core::{fmt, ptr::NonNull};

/// Requests in flight at most; a `u64` is the set of them.
const SLOTS: usize = 64;
const HEADER_BYTES: u32 = 16;
const SLOT_BYTES: usize = 32;
const MAX_SEGMENTS: u32 = 128;
/// One segment of this size keeps the monitor busy for about a millisecond; more gains nothing.
const MAX_SEGMENT_BYTES: u32 = 4 << 20;

const STATUS_OK: u8 = 0;
const STATUS_UNSUPPORTED: u8 = 2;
/// Not a status of the specification: the device has yet to write one.
const STATUS_NONE: u8 = 0xff;

/// What is asked of the device; the values are the specification's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Read = 0,
    Write = 1,
    Flush = 4,
    GetId = 8,
}

impl Kind {
    pub(super) const ID_BYTES: usize = 20;
}

/// What the device takes in one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) segments: u32,
    pub(super) segment_bytes: u32,
    /// From a kernel or program address to a guest-physical one, good to the end of its page.
    pub(super) translate: fn(u64) -> Option<u64>,
}

/// What remains to be done of a call.
#[derive(Debug)]
pub(super) struct Transfer {
    kind: Kind,
    sector: u64,
    address: u64,
    bytes: usize,
    done: bool,
}

impl Transfer {
    pub(super) const fn new(kind: Kind, sector: u64, address: u64, bytes: usize) -> Self {
        let nothing = bytes == 0 && matches!(kind, Kind::Read | Kind::Write);
        Self {
            kind,
            sector,
            address,
            bytes,
            done: nothing,
        }
    }

    /// True when all of it has been submitted.
    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    fn advance(&mut self, bytes: usize) {
        self.address += bytes as u64;
        self.sector += (bytes / SECTOR_SIZE) as u64;
        self.bytes -= bytes;
        self.done = self.bytes == 0;
    }
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// Copy so many bytes from the bounce sector to this address at the end.
    copy_to: Option<(u64, usize)>,
}

/// The queue of a disk and the requests in it.
pub(super) struct Requests {
    queue: Queue,
    limits: Limits,
    memory: NonNull<u8>,
    physical: u64,
    slots: [Slot; SLOTS],
    /// Slots that nobody uses.
    free: u64,
    /// Slots whose request the device has finished.
    finished: u64,
    /// Slot by head of its chain.
    by_head: Box<[u8]>,
    /// Reused for each request: its segments.
    scratch: Vec<Segment>,
    /// The used index at which the device will interrupt, if it will.
    armed: bool,
}

// SAFETY: the slot memory belongs to this value and the device alone.
unsafe impl Send for Requests {}

impl fmt::Debug for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests")
            .field("queue", &self.queue)
            .finish_non_exhaustive()
    }
}

impl Requests {
    pub(super) fn new(queue: Queue, limits: Limits) -> Self {
        let (memory, physical) = dma::alloc(SLOTS * (SLOT_BYTES + SECTOR_SIZE));
        // A request needs two descriptors besides its data.
        let segments = limits
            .segments
            .min(MAX_SEGMENTS)
            .min(u32::from(queue.size().saturating_sub(2)).max(1));
        Self {
            limits: Limits {
                segments,
                segment_bytes: limits.segment_bytes.min(MAX_SEGMENT_BYTES),
                ..limits
            },
            by_head: vec![0; usize::from(queue.size())].into(),
            scratch: Vec::with_capacity(segments as usize + 2),
            queue,
            memory,
            physical,
            slots: [Slot::default(); SLOTS],
            free: u64::MAX,
            finished: 0,
            armed: false,
        }
    }

    /// Queues as much of the transfer as has room; the slots used are added to `mine`.
    pub(super) fn submit(&mut self, transfer: &mut Transfer, mine: &mut u64) -> Result<(), BlockError> {
        let mut result = Ok(());
        while !transfer.is_done() && self.has_room() {
            if self.queue.is_broken() {
                result = Err(BlockError::Io);
                break;
            }
            match self.submit_one(transfer) {
                Ok(Some(slot)) => *mine |= 1 << slot,
                Ok(None) => break,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        if *mine != 0 && !self.armed {
            self.arm();
        }
        result
    }

    /// One request from the transfer's front; `None` if there is no room for it.
    fn submit_one(&mut self, transfer: &mut Transfer) -> Result<Option<usize>, BlockError> {
        let slot = self.free.trailing_zeros() as usize;
        let (header, status) = (self.header(slot), self.header(slot) + u64::from(HEADER_BYTES));
        let device_writes = matches!(transfer.kind, Kind::Read | Kind::GetId);
        let data = usize::from(self.queue.free())
            .saturating_sub(2)
            .min(self.limits.segments as usize);
        self.scratch.clear();
        self.scratch.push(Segment {
            address: header,
            len: HEADER_BYTES,
            device_writes: false,
        });
        let mut copy_to = None;
        let bytes = match transfer.kind {
            Kind::Flush => 0,
            _ if data == 0 => return Ok(None),
            Kind::GetId => 0,
            Kind::Read | Kind::Write => self.gather(transfer, data, device_writes)?,
        };
        if bytes == 0 && transfer.kind != Kind::Flush {
            let len = transfer.bytes.min(SECTOR_SIZE);
            self.scratch.truncate(1);
            self.scratch.push(Segment {
                address: self.bounce_physical(slot),
                len: len as u32,
                device_writes,
            });
            copy_to = self.prepare_bounce(transfer, slot, len);
        }
        self.scratch.push(Segment {
            address: status,
            len: 1,
            device_writes: true,
        });
        self.write_header(slot, transfer);
        let Some(head) = self.queue.add(&self.scratch) else {
            return Ok(None);
        };
        self.by_head[usize::from(head)] = slot as u8;
        self.slots[slot] = Slot { copy_to };
        self.free &= !(1 << slot);
        let len: usize = self.scratch[1..self.scratch.len() - 1]
            .iter()
            .map(|segment| segment.len as usize)
            .sum();
        transfer.advance(len);
        Ok(Some(slot))
    }

    /// Fills `scratch` with up to `limit` segments of whole sectors; gives their length, zero if not one whole sector fits the limit.
    fn gather(
        &mut self,
        transfer: &Transfer,
        limit: usize,
        device_writes: bool,
    ) -> Result<usize, BlockError> {
        let (mut address, mut left) = (transfer.address, transfer.bytes);
        while left > 0 {
            let physical = (self.limits.translate)(address).ok_or(BlockError::BadAddress)?;
            let piece = left.min(PAGE_SIZE - (address as usize & (PAGE_SIZE - 1))) as u32;
            let full = self.scratch.len() > limit;
            let segment_bytes = self.limits.segment_bytes;
            let continues = self.scratch.len() > 1;
            let piece = match self.scratch.last_mut() {
                Some(last)
                    if continues
                        && last.address + u64::from(last.len) == physical
                        && last.len < segment_bytes =>
                {
                    let piece = piece.min(segment_bytes - last.len);
                    last.len += piece;
                    piece
                }
                _ if full => break,
                _ => {
                    let piece = piece.min(segment_bytes);
                    self.scratch.push(Segment {
                        address: physical,
                        len: piece,
                        device_writes,
                    });
                    piece
                }
            };
            address += u64::from(piece);
            left -= piece as usize;
        }
        let gathered = transfer.bytes - left;
        let whole = gathered - gathered % SECTOR_SIZE;
        self.drop_last(gathered - whole);
        Ok(whole)
    }

    /// Takes so many bytes off the end of the gathered segments.
    fn drop_last(&mut self, mut bytes: usize) {
        while bytes > 0
            && let Some(last) = self.scratch.last_mut()
        {
            let cut = bytes.min(last.len as usize);
            last.len -= cut as u32;
            bytes -= cut;
            if last.len == 0 {
                self.scratch.pop();
            }
        }
    }

    fn prepare_bounce(&self, transfer: &Transfer, slot: usize, len: usize) -> Option<(u64, usize)> {
        if transfer.kind == Kind::Write {
            // SAFETY: the caller of `BlockDevice::write` lent at least `len` bytes there; the bounce sector is this slot's alone.
            unsafe {
                core::ptr::copy_nonoverlapping(transfer.address as *const u8, self.bounce(slot).as_ptr(), len)
            };
            return None;
        }
        Some((transfer.address, len))
    }

    fn write_header(&self, slot: usize, transfer: &Transfer) {
        // SAFETY: the slot is free, so its 32 bytes are the driver's alone; they are aligned for all three.
        unsafe {
            let header = self.memory.byte_add(slot * SLOT_BYTES);
            header.cast::<u32>().write_volatile(transfer.kind as u32);
            header.cast::<u32>().add(1).write_volatile(0);
            header.cast::<u64>().add(1).write_volatile(transfer.sector);
            header.byte_add(HEADER_BYTES as usize).write_volatile(STATUS_NONE);
        }
    }

    /// True if a request could be queued, or would fail at once.
    pub(super) fn has_room(&mut self) -> bool {
        self.reap();
        self.queue.is_broken() || (self.free != 0 && self.queue.free() >= 3.min(self.queue.size()))
    }

    /// See [`Queue::should_notify`].
    pub(super) fn should_notify(&mut self) -> bool {
        self.queue.should_notify()
    }

    /// True if the device has finished all of these slots (or never will).
    pub(super) fn finished(&mut self, mine: u64) -> bool {
        self.reap();
        mine & !self.finished == 0 || self.queue.is_broken()
    }

    /// Takes in what the device has finished.
    pub(super) fn reap(&mut self) {
        loop {
            let mut any = false;
            while let Some(used) = self.queue.pop() {
                self.finished |= 1 << self.by_head[usize::from(used.head)];
                any = true;
            }
            if !any || self.queue.in_flight() == 0 {
                self.armed &= self.queue.in_flight() != 0;
                return;
            }
            self.arm();
        }
    }

    fn arm(&mut self) {
        // An answer of true is taken in by the `reap` that always follows before anybody sleeps.
        let _ = self.queue.interrupt_when_idle();
        self.armed = true;
    }

    /// Gives finished slots back; the first error among them.
    pub(super) fn collect(&mut self, mine: u64) -> Result<(), BlockError> {
        let mut result = Ok(());
        for slot in (0..SLOTS).filter(|slot| mine & (1 << slot) != 0) {
            let done = self.finished & (1 << slot) != 0;
            // SAFETY: inside the slot memory; the device may write it at any time, hence volatile.
            let status = unsafe {
                self.memory
                    .byte_add(slot * SLOT_BYTES + HEADER_BYTES as usize)
                    .read_volatile()
            };
            result = result.and(match status {
                STATUS_OK if done => Ok(()),
                STATUS_UNSUPPORTED if done => Err(BlockError::Unsupported),
                _ => Err(BlockError::Io),
            });
            if let (Some((address, len)), true) = (self.slots[slot].copy_to, result.is_ok()) {
                // SAFETY: the caller of `BlockDevice::read`, who is waiting in `run`, lent at least `len` bytes there.
                unsafe {
                    core::ptr::copy_nonoverlapping(self.bounce(slot).as_ptr(), address as *mut u8, len)
                };
            }
        }
        self.finished &= !mine;
        self.free |= mine;
        result
    }

    const fn header(&self, slot: usize) -> u64 {
        self.physical + (slot * SLOT_BYTES) as u64
    }

    const fn bounce_offset(slot: usize) -> usize {
        SLOTS * SLOT_BYTES + slot * SECTOR_SIZE
    }

    const fn bounce_physical(&self, slot: usize) -> u64 {
        self.physical + Self::bounce_offset(slot) as u64
    }

    const fn bounce(&self, slot: usize) -> NonNull<u8> {
        // SAFETY: inside the slot memory, whose size counts these sectors.
        unsafe { self.memory.byte_add(Self::bounce_offset(slot)) }
    }
}
