//! The program's address space: the memory map and the page tables together, `mmap(2)` and its family, and page faults.
//!
//! | module | is |
//! |---|---|
//! | this | mapping, unmapping, rights, the heap |
//! | `remap`, `advice` | `mremap(2)`; `madvise(2)`, `mlock(2)`, `mincore(2)` |
//! | `fault` | making pages present: page faults, and addresses that a system call is given |
//! | `files` | what a file tells its mappings |
//! | `report` | `/proc/self/maps` and figures |
//!
//! A page table entry *owns* its frame, or *borrows* it from a file ([`bits::BORROWED`]): pages of files are mapped from where the file has them,
//! and a private mapping gets its own copy when it writes. There is one address space, so a file that gives up a page finds who borrowed it
//! by walking the map ([`forget`]); frames need no counts.
//!
//! Reading a file may block, so no lock is held then; `Space::changes` tells afterwards whether the map is still the one that was looked at.

mod advice;
mod fault;
mod files;
mod remap;
mod report;

pub use advice::{
    Discard, check_mapped, discard, growing_start, has_locked, lock, lock_all, lock_future, present, punch,
    read_ahead,
};
pub use fault::{check_user, fault, own_page, populate_range, show};
pub use files::{forget, has_shared_writer, read_full, shared_files, shared_ranges};
pub use remap::{Remap, remap};
pub use report::{maps_text, smaps_rollup_text, smaps_text, usage};

use super::{
    PAGE_SIZE, frames,
    paging::{self, bits},
    vma::{Area, AreaMap, Backing, Prot, Traits},
};
use crate::{
    arch::{self, layout},
    errno::{Errno, Result},
    mm,
    sync::Lock,
};
use alloc::vec::Vec;

const PAGE: u64 = PAGE_SIZE as u64;

struct Space {
    areas: AreaMap,
    /// Goes up with every change of the areas.
    changes: u64,
    /// Where new mappings are put, downward.
    ceiling: u64,
    brk_start: u64,
    brk: u64,
    resident: u64,
    /// New mappings are locked (`mlockall(2)`, `MCL_FUTURE`).
    lock_new: Lockdown,
}

/// Name of the first thread's stack in `/proc/self/maps`.
pub const STACK: &str = "[stack]";

static SPACE: Lock<Space> = Lock::new(Space {
    areas: AreaMap::new(),
    changes: 0,
    ceiling: layout::PROGRAM_END,
    brk_start: 0,
    brk: 0,
    resident: 0,
    lock_new: Lockdown::No,
});

/// Whether a mapping is locked (`mlock(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockdown {
    /// No.
    No,
    /// Yes; its pages come when they are touched (`MLOCK_ONFAULT`).
    OnFault,
    /// Yes, and its pages are made present at once.
    Now,
}

/// Sets where `mmap` puts things (below) and where the heap begins; for the program's loader.
pub fn set_layout(ceiling: u64, brk: u64) {
    let mut space = SPACE.lock();
    space.ceiling = ceiling;
    space.brk_start = brk;
    space.brk = brk;
}

fn page_down(address: u64) -> u64 {
    address & !(PAGE - 1)
}

/// Rounds up to pages; `None` on overflow.
fn page_up(len: u64) -> Option<u64> {
    Some(page_down(len.checked_add(PAGE - 1)?))
}

/// True if the range lies wholly in the program's part, page-aligned at its start.
fn in_program(start: u64, len: u64) -> bool {
    start.is_multiple_of(PAGE)
        && start >= layout::PROGRAM_START
        && start
            .checked_add(len)
            .is_some_and(|end| end <= layout::PROGRAM_END)
}

/// The entry for a frame of its own.
fn leaf(frame: u64, prot: Prot) -> u64 {
    if prot.is_empty() {
        return frame | bits::PARKED;
    }
    let mut value = frame | bits::PRESENT | bits::USER | bits::USED;
    if prot.contains(Prot::WRITE) {
        value |= bits::WRITE;
    }
    if !prot.contains(Prot::EXEC) {
        value |= bits::NO_EXECUTE;
    } else if !prot.contains(Prot::WRITE) {
        value |= bits::UNSEEN;
    }
    value
}

/// The entry for a frame of a file's.
fn borrowed(frame: u64, prot: Prot, writable: bool) -> u64 {
    let value = leaf(frame, prot) | bits::BORROWED;
    if writable { value } else { value & !bits::WRITE }
}

/// An entry with other rights. A borrowed frame does not become writable by that: the first write finds out whether it may.
fn with_rights(entry: u64, prot: Prot) -> u64 {
    match entry & bits::BORROWED {
        0 => leaf(entry & bits::ADDRESS, prot),
        _ => borrowed(entry & bits::ADDRESS, prot, entry & bits::WRITE != 0),
    }
}

/// Where a new mapping goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Anywhere, near the hint if that is free and not 0.
    Hint(u64),
    /// Just there, over what is there (`MAP_FIXED`).
    Fixed(u64),
    /// Just there, or `EEXIST` (`MAP_FIXED_NOREPLACE`).
    FixedNoReplace(u64),
}

/// Maps `len` bytes.
///
/// # Errors
///
/// `EINVAL`, `ENOMEM`, `EEXIST` as `mmap(2)`.
pub fn map(place: Place, len: u64, prot: Prot, backing: Backing, name: &'static str) -> Result<u64> {
    map_with(place, len, prot, backing, Traits::empty(), name)
}

/// As [`map`], with traits.
///
/// # Errors
///
/// As [`map`].
pub fn map_with(
    place: Place,
    len: u64,
    prot: Prot,
    backing: Backing,
    mut traits: Traits,
    name: &'static str,
) -> Result<u64> {
    if len == 0 {
        return Err(Errno::EINVAL);
    }
    let len = page_up(len).ok_or(Errno::ENOMEM)?;
    let mut space = SPACE.lock();
    if space.areas.is_full() {
        return Err(Errno::ENOMEM);
    }
    let start = space.place(place, len)?;
    let lockdown = space.lock_new;
    traits.set(Traits::LOCKED, lockdown != Lockdown::No);
    let present = space.zap(start, start + len);
    space.changes += 1;
    let removed = space.areas.insert(Area {
        start,
        end: start + len,
        prot,
        traits,
        backing,
        name,
    });
    drop(space);
    if present {
        arch::flush_tlb();
    }
    // Files that were mapped there may go with their areas, and the pages of the files with them.
    drop(removed);
    mm::freed();
    if lockdown == Lockdown::Now {
        let _ = populate_range(start, len, prot.contains(Prot::WRITE));
    }
    Ok(start)
}

/// Unmaps a range (`munmap(2)`).
///
/// # Errors
///
/// `EINVAL`, `ENOMEM` where there would be too many areas.
pub fn unmap(start: u64, len: u64) -> Result<()> {
    let len = page_up(len)
        .filter(|&len| len > 0 && in_program(start, len))
        .ok_or(Errno::EINVAL)?;
    let mut space = SPACE.lock();
    if space.areas.refuses_to_split(start, start + len) {
        return Err(Errno::ENOMEM);
    }
    let removed = space.take(start, start + len);
    drop(space);
    drop(removed);
    mm::freed();
    Ok(())
}

/// Changes rights (`mprotect(2)`).
///
/// # Errors
///
/// `EINVAL`, `ENOMEM` where part of the range is not mapped, `EACCES` for writing through a shared mapping of a file that was not opened to write.
pub fn protect(start: u64, len: u64, prot: Prot) -> Result<()> {
    if !start.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    let len = page_up(len).ok_or(Errno::ENOMEM)?;
    if len == 0 {
        return Ok(());
    }
    let mut space = SPACE.lock();
    let covered = in_program(start, len) && space.areas.covers(start, start + len, |_| true);
    if !covered || space.areas.refuses_to_split(start, start + len) {
        return Err(Errno::ENOMEM);
    }
    let refuses = |area: &Area| prot.contains(Prot::WRITE) && area.traits.contains(Traits::READ_ONLY);
    if space.areas.overlapping(start, start + len).any(refuses) {
        return Err(Errno::EACCES);
    }
    space.changes += 1;
    space.areas.protect(start, start + len, prot);
    let (mut narrower, mut wider) = (false, false);
    paging::for_each(start, start + len, |_, slot| {
        if *slot & (bits::PRESENT | bits::PARKED) != 0 {
            let new = with_rights(*slot, prot);
            if *slot & bits::PRESENT != 0 {
                let lost = *slot & !new & (bits::PRESENT | bits::WRITE) != 0;
                narrower |= lost || new & !*slot & bits::NO_EXECUTE != 0;
                wider |= new & !*slot & bits::WRITE != 0;
            }
            *slot = new;
        }
    });
    drop(space);
    if narrower {
        arch::flush_tlb();
    } else if wider {
        arch::flush_widened();
    }
    Ok(())
}

/// Moves the end of the heap (`brk(2)`); gives where it is then.
pub fn brk(wanted: u64) -> u64 {
    let mut space = SPACE.lock();
    let (start, current) = (space.brk_start, space.brk);
    if wanted < start || wanted >= layout::PROGRAM_END {
        return current;
    }
    let (Some(old_end), Some(new_end)) = (page_up(current), page_up(wanted)) else {
        return current;
    };
    let mut removed = Vec::new();
    let mut lockdown = Lockdown::No;
    if new_end > old_end {
        if !space.areas.is_free(old_end, new_end) || space.areas.is_full() {
            return current;
        }
        lockdown = space.lock_new;
        let mut traits = Traits::empty();
        traits.set(Traits::LOCKED, lockdown != Lockdown::No);
        space.changes += 1;
        removed = space.areas.insert(Area {
            start: old_end,
            end: new_end,
            prot: Prot::READ | Prot::WRITE,
            traits,
            backing: Backing::Zero,
            name: "[heap]",
        });
    } else if new_end < old_end {
        removed = space.take(new_end, old_end);
    }
    space.brk = wanted;
    drop(space);
    drop(removed);
    mm::freed();
    if lockdown == Lockdown::Now {
        let _ = populate_range(old_end, new_end - old_end, true);
    }
    wanted
}

impl Space {
    /// Finds the place for a new mapping of `len` bytes.
    fn place(&mut self, place: Place, len: u64) -> Result<u64> {
        match place {
            Place::Fixed(at) | Place::FixedNoReplace(at) if !at.is_multiple_of(PAGE) => Err(Errno::EINVAL),
            // Below the lowest address Linux has EPERM, above the highest ENOMEM (`mmap(2)`, vm.mmap_min_addr).
            Place::Fixed(at) | Place::FixedNoReplace(at) if at < layout::PROGRAM_START => Err(Errno::EPERM),
            Place::Fixed(at) if in_program(at, len) => Ok(at),
            Place::FixedNoReplace(at) if in_program(at, len) => match self.areas.is_free(at, at + len) {
                true => Ok(at),
                false => Err(Errno::EEXIST),
            },
            Place::Fixed(_) | Place::FixedNoReplace(_) => Err(Errno::ENOMEM),
            Place::Hint(hint) => {
                let hint = page_down(hint);
                if hint != 0 && in_program(hint, len) && self.areas.is_free(hint, hint + len) {
                    return Ok(hint);
                }
                self.areas
                    .gap_below(self.ceiling, layout::PROGRAM_START, len)
                    .ok_or(Errno::ENOMEM)
            }
        }
    }

    /// Takes a range out of the map, with its pages and tables. Drop what is given after unlocking.
    fn take(&mut self, start: u64, end: u64) -> Vec<Area> {
        let present = self.zap(start, end);
        let tables = paging::free_tables(start, end);
        self.changes += 1;
        let removed = self.areas.remove(start, end);
        if present || tables {
            arch::flush_tlb();
        }
        removed
    }

    /// Empties the entries of a range and frees their frames. True if something was present, so that the TLB must be flushed.
    fn zap(&mut self, start: u64, end: u64) -> bool {
        self.zap_where(start, end, |_| true)
    }

    /// As [`zap`](Self::zap), of the entries that `which` picks.
    fn zap_where(&mut self, start: u64, end: u64, which: impl Fn(u64) -> bool) -> bool {
        let mut present = false;
        let mut count = 0;
        paging::for_each(start, end, |_, slot| {
            let value = *slot;
            if value & (bits::PRESENT | bits::PARKED) == 0 || !which(value) {
                return;
            }
            *slot = 0;
            present |= value & bits::PRESENT != 0;
            count += 1;
            if value & bits::BORROWED == 0 {
                frames::free(value & bits::ADDRESS, 0);
            }
        });
        self.resident -= count;
        present
    }
}

/// True if the address is in some area.
#[must_use]
pub fn is_mapped(address: u64) -> bool {
    SPACE.lock().areas.find(address).is_some()
}

/// What `/proc/self/maps` calls the area at an address; `None` where nothing is mapped.
#[must_use]
pub fn name_at(address: u64) -> Option<&'static str> {
    SPACE.lock().areas.find(address).map(|area| area.name)
}

/// True once for each page that comes: if the program executes a file's bytes at an address, and may not write there.
#[must_use]
pub fn first_look(address: u64) -> bool {
    let space = SPACE.lock();
    let Some(slot) = paging::entry(address, false) else {
        return false;
    };
    // SAFETY: `entry` gives a slot of a table of ours, and the lock is held.
    let entry = unsafe { slot.read() };
    if entry & (bits::PRESENT | bits::UNSEEN) != bits::PRESENT | bits::UNSEEN {
        return false;
    }
    // SAFETY: as above. The processor ignores this bit, so nothing needs to be flushed.
    unsafe { slot.write(entry & !bits::UNSEEN) };
    space.areas.find(address).is_some_and(|area| {
        let rights = area.prot & (Prot::EXEC | Prot::WRITE);
        rights == Prot::EXEC && matches!(area.backing, Backing::File(..))
    })
}

/// A free range of `len` bytes within `reach` of an address, below it if there is one.
#[must_use]
pub fn gap_near(near: u64, len: u64, reach: u64) -> Option<u64> {
    let space = SPACE.lock();
    let floor = near.saturating_sub(reach).max(layout::PROGRAM_START);
    let ceiling = near.saturating_add(reach).min(layout::PROGRAM_END);
    space
        .areas
        .gap_within(floor, near, len)
        .or_else(|| space.areas.gap_within(near, ceiling, len))
}

/// Puts frames of the loader's under an area that it mapped: the pages from `start` on are the blocks' in order.
///
/// # Errors
///
/// `ENOMEM` for lack of tables.
pub fn install(start: u64, blocks: &[(u64, u8)], prot: Prot) -> Result<()> {
    let mut space = SPACE.lock();
    let mut address = start;
    for &(block, order) in blocks {
        for page in 0..1u64 << order {
            // Where all mappings are locked, something is there already.
            space.zap(address, address + PAGE);
            space.set(address, leaf(block + page * PAGE, prot))?;
            address += PAGE;
        }
    }
    Ok(())
}
