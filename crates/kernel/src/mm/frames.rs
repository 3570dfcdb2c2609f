//! Page frames: a buddy allocator over guest-physical memory.
//!
//! Memory that nobody has touched yet is never touched here either: it is zero, and the host has not spent a page on it. It is handed out from
//! `fresh`, single frames from the low end and larger blocks from the high end; frames that come back go to free lists, whose links live in the
//! frames themselves. One byte for each frame says whether a free block begins there, and how large.
//!
//! Blocks that have been free for a while can be taken to be reported to the host ([`take_idle`]), which forgets what is in them; they come back as such
//! ([`free_reported`]) and are handed out after the others, as their next touch is dear.

use super::PAGE_SIZE;
use crate::{
    arch::layout,
    sync::{Lock, rank},
};

/// Largest block: 2^MAX_ORDER pages (64 MiB).
pub const MAX_ORDER: u8 = 14;

/// Smallest block that is reported: 64 KiB. A smaller one would cost the host a call, and the program a pause, for less than they are worth.
pub const REPORT_ORDER: u8 = 4;

/// Most blocks that are taken at once to be reported.
pub const REPORT_BLOCKS: usize = 32;

/// Most blocks that are looked at when some are taken.
const REPORT_STEPS: usize = 4096;

/// In the byte of a block: the host has forgotten it.
const REPORTED: u8 = 0x80;

/// No block in a free list.
const NONE: u64 = u64::MAX;

struct Frames {
    /// Untouched memory: start and end of each range.
    fresh: [(u64, u64); 8],
    /// The lists by order: of blocks that the host has memory for, and of those that it has forgotten.
    lists: [[u64; MAX_ORDER as usize + 1]; 2],
    /// Goes up from time to time: what was freed at an earlier one is idle.
    tick: u64,
    /// A block that could be reported came since this was last asked.
    idle: bool,
    /// One byte a frame: order + 1 where a free block begins (and [`REPORTED`]), else 0.
    map: *mut u8,
    map_len: u64,
    free: u64,
    total: u64,
}

// SAFETY: the map is reached only under the lock.
unsafe impl Send for Frames {}

static FRAMES: Lock<Frames, rank::Frames> = Lock::new(Frames {
    fresh: [(0, 0); 8],
    lists: [[NONE; MAX_ORDER as usize + 1]; 2],
    tick: 0,
    idle: false,
    map: core::ptr::null_mut(),
    map_len: 0,
    free: 0,
    total: 0,
});

/// Links of a free block, at its start.
struct Link {
    next: u64,
    previous: u64,
    /// When it was freed.
    tick: u64,
}

fn link(block: u64) -> *mut Link {
    layout::linear(block) as *mut Link
}

/// Lets single frames be had from a range that is certainly there, for the little that boot needs before it knows more.
pub fn init_early(start: u64, end: u64) {
    let mut frames = FRAMES.lock();
    frames.fresh[0] = (start.next_multiple_of(PAGE_SIZE as u64), end);
    frames.free = (end - start) / PAGE_SIZE as u64;
}

/// Takes the memory that the monitor says there is: ranges of guest-physical addresses, page-aligned, without what the image occupies.
///
/// # Panics
///
/// When there is not even room for the map of frames.
pub fn init(ranges: &[(u64, u64)]) {
    let mut frames = FRAMES.lock();
    let end = ranges.iter().map(|range| range.1).max().unwrap_or(0);
    let map_len = end / PAGE_SIZE as u64;
    let map_bytes = map_len.next_multiple_of(PAGE_SIZE as u64);
    // What boot took before is at the start of the range that it took it from.
    let (cursor, early_end) = frames.fresh[0];
    let without_early = |range: (u64, u64)| match range {
        (start, end) if start < early_end && cursor < end => (cursor, end),
        other => other,
    };
    frames.fresh = [(0, 0); 8];
    let mut slots = ranges
        .iter()
        .copied()
        .map(without_early)
        .filter(|range| range.1 > range.0);
    for slot in &mut frames.fresh {
        let Some(range) = slots.next() else { break };
        *slot = range;
    }
    for slot in &mut frames.fresh {
        if slot.1 - slot.0 >= map_bytes {
            let map = slot.0;
            slot.0 += map_bytes;
            frames.map = layout::linear(map) as *mut u8;
            break;
        }
    }
    #[expect(clippy::panic, reason = "without memory there is nothing to go on with")]
    if frames.map.is_null() {
        panic!("no room for the map of {map_len} frames");
    }
    frames.map_len = map_len;
    frames.total = frames
        .fresh
        .iter()
        .map(|range| (range.1 - range.0) / PAGE_SIZE as u64)
        .sum();
    frames.free = frames.total;
}

/// A block of 2^`order` pages, aligned to its size: its guest-physical address. Its contents are whatever was there.
pub fn alloc(order: u8) -> Option<u64> {
    alloc_inner(order).map(|(block, _)| block)
}

/// As [`alloc`], filled with zeros.
pub fn alloc_zeroed(order: u8) -> Option<u64> {
    let (block, zero) = alloc_inner(order)?;
    if !zero {
        // SAFETY: the block is ours alone now, and the linear map covers it.
        unsafe { core::ptr::write_bytes(layout::linear(block) as *mut u8, 0, PAGE_SIZE << order) };
    }
    Some(block)
}

/// A zeroed page for the program, unless that would take the last pages, which the kernel needs for itself.
pub fn alloc_for_program() -> Option<u64> {
    has_room_for_program().then(|| alloc_zeroed(0)).flatten()
}

/// True if there are more pages than those that the kernel needs for itself.
#[must_use]
pub fn has_room_for_program() -> bool {
    let (free, total) = counts();
    free > (total / 64).clamp(32, 512)
}

/// The block, and whether it is known to be zero.
fn alloc_inner(order: u8) -> Option<(u64, bool)> {
    if order > MAX_ORDER {
        return None;
    }
    let mut frames = FRAMES.lock();
    let found = match frames.take_listed(order) {
        Some(block) => Some((block, false)),
        None => frames.take_fresh(order).map(|block| (block, true)),
    };
    if found.is_some() {
        frames.free -= 1 << order;
    }
    found
}

/// Gives a block back, as it was allocated or in aligned parts.
pub fn free(block: u64, order: u8) {
    give(block, order, false);
}

/// Gives back a block of [`take_idle`]'s, of which the host has forgotten what was in it.
pub fn free_reported(block: u64, order: u8) {
    give(block, order, true);
}

fn give(block: u64, order: u8, reported: bool) {
    let mut frames = FRAMES.lock();
    // Before `init` there is no map to note it in; the little that boot frees then is lost.
    if !frames.map.is_null() {
        frames.free += 1 << order;
        frames.put(block, order, reported);
    }
}

/// True once after blocks were freed that could be reported.
pub fn take_idle_note() -> bool {
    core::mem::take(&mut FRAMES.lock().idle)
}

/// Takes blocks that were free at the last call already, largest first, to report them; and whether there are others to come back for.
/// Never so many that the program would miss them: an eighth of memory stays free.
pub fn take_idle() -> ([(u64, u8); REPORT_BLOCKS], usize, bool) {
    let mut frames = FRAMES.lock();
    let mut taken = ([(0, 0); REPORT_BLOCKS], 0, false);
    let (now, keep) = (frames.tick, frames.total / 8);
    let mut steps = 0;
    'lists: for order in (REPORT_ORDER..=MAX_ORDER).rev() {
        let mut block = frames.lists[0][usize::from(order)];
        while block != NONE {
            // SAFETY: the block is in a list, so its link is valid.
            let (next, tick) = unsafe { ((*link(block)).next, (*link(block)).tick) };
            if tick >= now || taken.1 == REPORT_BLOCKS {
                taken.2 = true;
            } else if frames.free >= keep + (1 << order) {
                frames.unlink(block, order);
                frames.free -= 1 << order;
                taken.0[taken.1] = (block, order);
                taken.1 += 1;
            }
            steps += 1;
            if taken.1 == REPORT_BLOCKS && taken.2 || steps == REPORT_STEPS {
                taken.2 = true;
                break 'lists;
            }
            block = next;
        }
    }
    if taken.1 < REPORT_BLOCKS {
        frames.tick += 1;
    }
    taken
}

/// Free and total pages.
#[must_use]
pub fn counts() -> (u64, u64) {
    let frames = FRAMES.lock();
    (frames.free, frames.total)
}

impl Frames {
    fn take_listed(&mut self, order: u8) -> Option<u64> {
        let [kept, forgotten] = self.lists;
        let find = |lists: [u64; MAX_ORDER as usize + 1]| {
            (order..=MAX_ORDER).find(|&order| lists[usize::from(order)] != NONE)
        };
        let (from, reported) = match find(kept) {
            Some(from) => (from, false),
            None => (find(forgotten)?, true),
        };
        let block = self.lists[usize::from(reported)][usize::from(from)];
        self.unlink(block, from);
        for smaller in (order..from).rev() {
            self.push(block + ((PAGE_SIZE as u64) << smaller), smaller, reported);
        }
        Some(block)
    }

    fn take_fresh(&mut self, order: u8) -> Option<u64> {
        let size = (PAGE_SIZE as u64) << order;
        for index in 0..self.fresh.len() {
            let (start, end) = self.fresh[index];
            if order == 0 {
                if end > start {
                    self.fresh[index].0 += size;
                    return Some(start);
                }
            } else if let Some(block) = end.checked_sub(size).map(|at| at & !(size - 1))
                && block >= start
            {
                self.fresh[index].1 = block;
                // What alignment left over above goes to the lists, as blocks of the sizes that fit.
                let mut at = block + size;
                while at < end {
                    let order =
                        (at.trailing_zeros().min((end - at).ilog2()) - 12).min(u32::from(MAX_ORDER)) as u8;
                    self.push(at, order, false);
                    at += (PAGE_SIZE as u64) << order;
                }
                return Some(block);
            }
        }
        None
    }

    fn put(&mut self, mut block: u64, mut order: u8, mut reported: bool) {
        while order < MAX_ORDER {
            let buddy = block ^ (PAGE_SIZE as u64) << order;
            let mark = self.mark(buddy);
            if mark & !REPORTED != order + 1 {
                break;
            }
            reported &= mark & REPORTED != 0;
            self.unlink(buddy, order);
            block &= !((PAGE_SIZE as u64) << order);
            order += 1;
        }
        self.idle |= !reported && order >= REPORT_ORDER;
        self.push(block, order, reported);
    }

    fn mark(&self, block: u64) -> u8 {
        let index = block / PAGE_SIZE as u64;
        if index >= self.map_len {
            return 0;
        }
        // SAFETY: the map has a byte for each frame below `map_len`.
        unsafe { *self.map.add(index as usize) }
    }

    fn set_mark(&mut self, block: u64, mark: u8) {
        // SAFETY: as in `mark`; blocks that get here are of our own memory.
        unsafe { *self.map.add((block / PAGE_SIZE as u64) as usize) = mark };
    }

    fn push(&mut self, block: u64, order: u8, reported: bool) {
        let list = &mut self.lists[usize::from(reported)][usize::from(order)];
        let head = core::mem::replace(list, block);
        // SAFETY: free blocks are ours, and the linear map covers them.
        unsafe {
            link(block).write(Link {
                next: head,
                previous: NONE,
                tick: self.tick,
            });
            if head != NONE {
                (*link(head)).previous = block;
            }
        }
        self.set_mark(block, (order + 1) | if reported { REPORTED } else { 0 });
    }

    fn unlink(&mut self, block: u64, order: u8) {
        let reported = self.mark(block) & REPORTED != 0;
        // SAFETY: `block` is in that list, so its link and its neighbours' are valid.
        unsafe {
            let Link { next, previous, .. } = link(block).read();
            if next != NONE {
                (*link(next)).previous = previous;
            }
            match previous {
                NONE => self.lists[usize::from(reported)][usize::from(order)] = next,
                previous => (*link(previous)).next = next,
            }
        }
        self.set_mark(block, 0);
    }
}
