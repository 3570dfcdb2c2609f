//! `madvise(2)`, `mlock(2)`, `mincore(2)`.

use super::{
    super::{
        paging::{self, bits},
        vma::{Area, Backing, Prot, Traits},
    },
    Lockdown, PAGE, SPACE, in_program, page_up, populate_range,
};
use crate::{
    arch,
    errno::{Errno, Result},
    mm,
};
use alloc::vec::Vec;

/// How pages are given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discard {
    /// `MADV_DONTNEED`.
    DontNeed,
    /// `MADV_DONTNEED_LOCKED`: of locked areas, too.
    Locked,
    /// `MADV_FREE`: of private anonymous areas alone.
    Free,
}

/// Length in whole pages of a range that is given to the program's `madvise(2)` and its like.
fn whole_pages(start: u64, len: u64) -> Result<u64> {
    page_up(len)
        .filter(|&len| start.is_multiple_of(PAGE) && start.checked_add(len).is_some())
        .ok_or(Errno::EINVAL)
}

/// Gives the pages of a range back; the next touch finds zeros, or the file.
///
/// # Errors
///
/// `EINVAL`, also for areas that this way does not take; `ENOMEM` where part of the range is not mapped (the rest is done all the same).
pub fn discard(start: u64, len: u64, how: Discard) -> Result<()> {
    let len = whole_pages(start, len)?;
    if len == 0 {
        return Ok(());
    }
    if !in_program(start, len) {
        return Err(Errno::ENOMEM);
    }
    let end = start + len;
    let refused = |area: &Area| match how {
        Discard::DontNeed => area.traits.contains(Traits::LOCKED),
        Discard::Locked => false,
        Discard::Free => area.traits.contains(Traits::LOCKED) || !matches!(area.backing, Backing::Zero),
    };
    let mut space = SPACE.lock();
    let covered = space.areas.covers(start, end, |_| true);
    // Up to the first area that is refused, as Linux does.
    let stop = space
        .areas
        .overlapping(start, end)
        .find(|area| refused(area))
        .map(|area| area.start.max(start));
    let removed = space.zap(start, stop.unwrap_or(end));
    drop(space);
    if removed {
        arch::flush_tlb();
        mm::freed();
    }
    match (stop, covered) {
        (Some(_), _) => Err(Errno::EINVAL),
        (None, false) => Err(Errno::ENOMEM),
        (None, true) => Ok(()),
    }
}

/// Checks that a whole range is mapped (`madvise(2)`, `msync(2)`).
///
/// # Errors
///
/// `EINVAL`, `ENOMEM`.
pub fn check_mapped(start: u64, len: u64) -> Result<()> {
    let len = whole_pages(start, len)?;
    let mapped =
        len == 0 || in_program(start, len) && SPACE.lock().areas.covers(start, start + len, |_| true);
    if mapped { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// Makes pages of files present ahead of need (`MADV_WILLNEED`), as far as that goes without trouble.
pub fn read_ahead(start: u64, len: u64) {
    let end = start.saturating_add(len);
    let areas: Vec<Area> = SPACE.lock().areas.overlapping(start, end).cloned().collect();
    for area in areas.iter().filter(|area| area.backing.file().is_some()) {
        let part = area.within(start, end);
        let _ = populate_range(part.start, part.end - part.start, false);
    }
}

/// True if a part of the range is locked.
#[must_use]
pub fn has_locked(start: u64, len: u64) -> bool {
    let space = SPACE.lock();
    let mut areas = space.areas.overlapping(start, start.saturating_add(len));
    areas.any(|area| area.traits.contains(Traits::LOCKED))
}

/// The start of the area at an address, which is one that grows down (`PROT_GROWSDOWN`); the first thread's stack counts, although all of it is mapped from the start.
///
/// # Errors
///
/// `ENOMEM` where nothing is mapped, `EINVAL` for other areas.
pub fn growing_start(address: u64) -> Result<u64> {
    let space = SPACE.lock();
    let area = space.areas.find(address).ok_or(Errno::ENOMEM)?;
    match area.traits.contains(Traits::GROWS_DOWN) || area.name == super::STACK {
        true => Ok(area.start),
        false => Err(Errno::EINVAL),
    }
}

/// Makes holes in the files that are mapped there (`MADV_REMOVE`).
///
/// # Errors
///
/// `EINVAL` for what is not a file or is locked, `EACCES` for what is not a writable shared mapping, `ENOMEM` where nothing is mapped, and those of the file.
pub fn punch(start: u64, len: u64) -> Result<()> {
    let len = whole_pages(start, len)?;
    let end = start + len;
    let areas: Vec<Area> = SPACE.lock().areas.overlapping(start, end).cloned().collect();
    let mut at = start;
    for area in areas {
        if area.start > at {
            return Err(Errno::ENOMEM);
        }
        let part = area.within(start, end);
        let (file, offset) = part.backing.file().ok_or(Errno::EINVAL)?;
        if area.traits.contains(Traits::LOCKED) {
            return Err(Errno::EINVAL);
        }
        if !area.backing.is_shared() || area.traits.contains(Traits::READ_ONLY) {
            return Err(Errno::EACCES);
        }
        let pages = file.pages().ok_or(Errno::EINVAL)?;
        pages.punch(offset..offset + (part.end - part.start))?;
        at = area.end;
    }
    if at < end { Err(Errno::ENOMEM) } else { Ok(()) }
}

/// Locks (or unlocks) the pages of a range, if no more than `limit` bytes are locked then.
///
/// # Errors
///
/// `EINVAL` on overflow, `ENOMEM` where part of the range is not mapped or memory is out, or above the limit.
pub fn lock(start: u64, len: u64, how: Lockdown, limit: u64) -> Result<()> {
    let begin = start & !(PAGE - 1);
    let end = start.checked_add(len).and_then(page_up).ok_or(Errno::EINVAL)?;
    if begin == end {
        return Ok(());
    }
    if !in_program(begin, end - begin) {
        return Err(Errno::ENOMEM);
    }
    let mut space = SPACE.lock();
    if how != Lockdown::No {
        let there = space.areas.locked(0, u64::MAX) - space.areas.locked(begin, end);
        if there + (end - begin) > limit {
            return Err(Errno::ENOMEM);
        }
    }
    if space.areas.refuses_to_split(begin, end) {
        return Err(Errno::ENOMEM);
    }
    let covered = space.areas.covers(begin, end, |_| true);
    space.areas.change(begin, end, |area| {
        area.traits.set(Traits::LOCKED, how != Lockdown::No)
    });
    drop(space);
    if !covered {
        return Err(Errno::ENOMEM);
    }
    if how == Lockdown::Now {
        // What may not be touched at all, and pages past the end of a file, cannot be present (`mlock(2)`: ENOMEM).
        return fill(begin, end).map_err(|_| Errno::ENOMEM);
    }
    Ok(())
}

/// Makes the pages of a range present as its areas allow; private ones that can be written, written.
fn fill(start: u64, end: u64) -> Result<()> {
    let parts: Vec<Area> = SPACE
        .lock()
        .areas
        .overlapping(start, end)
        .map(|area| area.within(start, end))
        .collect();
    for part in parts {
        let write = part.prot.contains(Prot::WRITE) && !part.backing.is_shared();
        populate_range(part.start, part.end - part.start, write)?;
    }
    Ok(())
}

/// Locks (or unlocks) everything that is mapped (`mlockall(2)`); what cannot be made present is not an error.
pub fn lock_all(how: Lockdown) {
    let mut space = SPACE.lock();
    let areas: Vec<(u64, u64)> = space.areas.iter().map(|area| (area.start, area.end)).collect();
    space.areas.change(0, u64::MAX, |area| {
        area.traits.set(Traits::LOCKED, how != Lockdown::No)
    });
    drop(space);
    for (start, end) in areas {
        if how == Lockdown::Now {
            let _ = fill(start, end);
        }
    }
}

/// Whether mappings to come are locked (`MCL_FUTURE`).
pub fn lock_future(how: Lockdown) {
    SPACE.lock().lock_new = how;
}

/// Whether each page of a range is in memory (`mincore(2)`): of files, those that the file has, mapped or not.
///
/// # Errors
///
/// `EINVAL`, `ENOMEM` where part of the range is not mapped.
pub fn present(start: u64, len: u64) -> Result<Vec<u8>> {
    check_mapped(start, len)?;
    let len = whole_pages(start, len)?;
    let mut out = Vec::new();
    // A range of terabytes may be reserved; its answer does not fit.
    out.try_reserve_exact((len / PAGE) as usize)
        .map_err(|_| Errno::EAGAIN)?;
    // Files are asked when the map is free again.
    let parts: Vec<Area> = {
        let space = SPACE.lock();
        let areas = space.areas.overlapping(start, start + len);
        areas.map(|area| area.within(start, start + len)).collect()
    };
    for part in parts {
        let pages = part
            .backing
            .file()
            .and_then(|(file, offset)| Some((file.pages()?, offset)));
        for address in (part.start..part.end).step_by(PAGE as usize) {
            let here = paging::entry(address, false).is_some_and(|slot| {
                // SAFETY: `entry` gives a slot of a table of ours.
                unsafe { slot.read() & (bits::PRESENT | bits::PARKED) != 0 }
            });
            let cached = || {
                pages.is_some_and(|(pages, offset)| pages.resident((offset + (address - part.start)) / PAGE))
            };
            out.push(u8::from(here || cached()));
        }
    }
    Ok(out)
}
