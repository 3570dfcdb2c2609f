//! The program's address space: the memory map and the page tables together, `mmap(2)` and its family, and page faults.
//!
//! A fault costs 23 us on a host that shadows page tables, so pages are mapped in runs around the one that is wanted. Mapping a fresh frame
//! takes guest memory but none of the host's until it is touched.

use super::{
    PAGE_SIZE, Usage, frames,
    paging::{self, bits},
    vma::{Area, AreaMap, Backing, Prot},
};
use crate::{
    arch::{self, layout},
    errno::{Errno, Result},
    file::Stat,
    sync::Lock,
};
use alloc::{format, string::String, vec::Vec};
use uigniter_abi::exit::ExitStatus;

const PAGE: u64 = PAGE_SIZE as u64;

/// Pages mapped at a fault, aligned; more when the program walks upward through fresh memory.
const RUN: u64 = 16;
const LONG_RUN: u64 = 64;

struct Space {
    areas: AreaMap,
    /// Where new mappings are put, downward.
    ceiling: u64,
    brk_start: u64,
    brk: u64,
    resident: u64,
}

static SPACE: Lock<Space> = Lock::new(Space {
    areas: AreaMap::new(),
    ceiling: layout::PROGRAM_END,
    brk_start: 0,
    brk: 0,
    resident: 0,
});

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
    }
    value
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
    let len = page_up(len).filter(|&len| len > 0).ok_or(Errno::EINVAL)?;
    let mut space = SPACE.lock();
    let start = match place {
        Place::Fixed(at) if !at.is_multiple_of(PAGE) => return Err(Errno::EINVAL),
        Place::FixedNoReplace(at) if !at.is_multiple_of(PAGE) => return Err(Errno::EINVAL),
        Place::Fixed(at) if in_program(at, len) => at,
        Place::FixedNoReplace(at) if in_program(at, len) => {
            if !space.areas.is_free(at, at + len) {
                return Err(Errno::EEXIST);
            }
            at
        }
        Place::Fixed(_) | Place::FixedNoReplace(_) => return Err(Errno::ENOMEM),
        Place::Hint(hint) => {
            let hint = page_down(hint);
            if hint != 0 && in_program(hint, len) && space.areas.is_free(hint, hint + len) {
                hint
            } else {
                space
                    .areas
                    .gap_below(space.ceiling, layout::PROGRAM_START, len)
                    .ok_or(Errno::ENOMEM)?
            }
        }
    };
    let removed = space.zap(start, start + len);
    space.areas.insert(Area {
        start,
        end: start + len,
        prot,
        backing,
        name,
    });
    drop(space);
    if removed {
        arch::flush_tlb();
    }
    Ok(start)
}

/// Unmaps a range (`munmap(2)`).
///
/// # Errors
///
/// `EINVAL`.
pub fn unmap(start: u64, len: u64) -> Result<()> {
    let len = page_up(len)
        .filter(|&len| len > 0 && in_program(start, len))
        .ok_or(Errno::EINVAL)?;
    let mut space = SPACE.lock();
    let removed = space.zap(start, start + len);
    space.areas.remove(start, start + len);
    drop(space);
    if removed {
        arch::flush_tlb();
    }
    Ok(())
}

/// Changes rights (`mprotect(2)`).
///
/// # Errors
///
/// `EINVAL`, `ENOMEM` where part of the range is not mapped.
pub fn protect(start: u64, len: u64, prot: Prot) -> Result<()> {
    if !start.is_multiple_of(PAGE) {
        return Err(Errno::EINVAL);
    }
    let len = page_up(len).ok_or(Errno::ENOMEM)?;
    if len == 0 {
        return Ok(());
    }
    let mut space = SPACE.lock();
    if !in_program(start, len) || !space.areas.covers(start, start + len, |_| true) {
        return Err(Errno::ENOMEM);
    }
    space.areas.protect(start, start + len, prot);
    let mut lost = false;
    paging::for_each(start, start + len, |_, slot| {
        if *slot & (bits::PRESENT | bits::PARKED) != 0 {
            let new = leaf(*slot & bits::ADDRESS, prot);
            // Rights that are only added need no flush: the fault that a stale entry causes finds all well.
            let narrower = *slot & bits::PRESENT != 0
                && (*slot & !new & (bits::PRESENT | bits::WRITE) != 0
                    || new & !*slot & bits::NO_EXECUTE != 0);
            lost |= narrower;
            *slot = new;
        }
    });
    drop(space);
    if lost {
        arch::flush_tlb();
    }
    Ok(())
}

/// Gives the pages of a range back; the next touch finds zeros, or the file (`MADV_DONTNEED`).
///
/// # Errors
///
/// `EINVAL`, `ENOMEM` where part of the range is not mapped.
pub fn discard(start: u64, len: u64) -> Result<()> {
    let len = page_up(len)
        .filter(|_| start.is_multiple_of(PAGE))
        .ok_or(Errno::EINVAL)?;
    let mut space = SPACE.lock();
    if len != 0 && !in_program(start, len) {
        return Err(Errno::ENOMEM);
    }
    // Holes do not stop it; they are only told of.
    let covered = len == 0 || space.areas.covers(start, start + len, |_| true);
    let removed = space.zap(start, start + len);
    drop(space);
    if removed {
        arch::flush_tlb();
    }
    if covered { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// Checks that a whole range is mapped (`madvise(2)`, `msync(2)`).
///
/// # Errors
///
/// `EINVAL`, `ENOMEM`.
pub fn check_mapped(start: u64, len: u64) -> Result<()> {
    let len = page_up(len)
        .filter(|_| start.is_multiple_of(PAGE))
        .ok_or(Errno::EINVAL)?;
    let mapped =
        len == 0 || in_program(start, len) && SPACE.lock().areas.covers(start, start + len, |_| true);
    if mapped { Ok(()) } else { Err(Errno::ENOMEM) }
}

/// Moves and resizes (`mremap(2)`): in place if there is room, else elsewhere if `may_move`, or to just `target`.
///
/// # Errors
///
/// `EINVAL`, `EFAULT`, `ENOMEM`.
pub fn remap(old: u64, old_len: u64, new_len: u64, may_move: bool, target: Option<u64>) -> Result<u64> {
    let (Some(old_len), Some(new_len)) = (page_up(old_len), page_up(new_len)) else {
        return Err(Errno::EINVAL);
    };
    if !old.is_multiple_of(PAGE) || new_len == 0 || old_len == 0 {
        return Err(Errno::EINVAL);
    }
    if !in_program(old, old_len) {
        return Err(Errno::EFAULT);
    }
    let mut space = SPACE.lock();
    let Some(area) = space
        .areas
        .find(old)
        .filter(|area| area.end >= old + old_len)
        .cloned()
    else {
        return Err(Errno::EFAULT);
    };
    if target.is_none() && new_len <= old_len {
        drop(space);
        if new_len < old_len {
            unmap(old + new_len, old_len - new_len)?;
        }
        return Ok(old);
    }
    let grown = |start: u64| Area {
        start,
        end: start + new_len,
        backing: match &area.backing {
            Backing::Zero => Backing::Zero,
            Backing::File(file, offset) => Backing::File(file.clone(), offset + (old - area.start)),
        },
        ..area.clone()
    };
    if target.is_none() && in_program(old, new_len) && space.areas.is_free(old + old_len, old + new_len) {
        let area = grown(old);
        space.areas.insert(area);
        return Ok(old);
    }
    let new = match target {
        Some(at) if !in_program(at, new_len) || at < old + old_len && old < at + new_len => {
            return Err(Errno::EINVAL);
        }
        Some(at) => {
            space.zap(at, at + new_len);
            at
        }
        None if may_move => space
            .areas
            .gap_below(space.ceiling, layout::PROGRAM_START, new_len)
            .ok_or(Errno::ENOMEM)?,
        None => return Err(Errno::ENOMEM),
    };
    // Tables for the new place first, so that nothing is half moved when memory is out.
    let moved_len = old_len.min(new_len);
    for at in (new..new + moved_len)
        .step_by(1 << 21)
        .chain([new + moved_len - PAGE])
    {
        paging::entry(at, true).ok_or(Errno::ENOMEM)?;
    }
    let area = grown(new);
    space.areas.insert(area);
    paging::for_each(old, old + moved_len, |address, slot| {
        if let Some(target) = paging::entry(new + (address - old), false) {
            // SAFETY: `entry` gives a slot of a table of ours.
            unsafe { target.write(core::mem::take(slot)) };
        }
    });
    space.zap(old, old + old_len);
    space.areas.remove(old, old + old_len);
    drop(space);
    arch::flush_tlb();
    Ok(new)
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
    if new_end > old_end {
        if !space.areas.is_free(old_end, new_end) {
            return current;
        }
        let prot = Prot::READ | Prot::WRITE;
        space.areas.insert(Area {
            start: old_end,
            end: new_end,
            prot,
            backing: Backing::Zero,
            name: "[heap]",
        });
    } else if new_end < old_end {
        space.zap(new_end, old_end);
        space.areas.remove(new_end, old_end);
        arch::flush_tlb();
    }
    space.brk = wanted;
    wanted
}

impl Space {
    /// Empties the entries of a range and frees their frames. True if something was present, so that the TLB must be flushed.
    fn zap(&mut self, start: u64, end: u64) -> bool {
        let mut present = false;
        let mut count = 0;
        paging::for_each(start, end, |_, slot| {
            let value = core::mem::take(slot);
            if value & (bits::PRESENT | bits::PARKED) != 0 {
                present |= value & bits::PRESENT != 0;
                count += 1;
                frames::free(value & bits::ADDRESS, 0);
            }
        });
        self.resident -= count;
        present
    }

    /// Maps zeroed frames where the range has none. Stops early, without an error, when memory runs short after `needed` was mapped.
    fn populate_zero(&mut self, start: u64, end: u64, needed: (u64, u64), prot: Prot) -> Result<()> {
        let mut address = start;
        while address < end {
            let slot = paging::entry(address, true).ok_or(Errno::ENOMEM)?;
            // SAFETY: `entry` gives a slot of a table of ours.
            if unsafe { slot.read() } == 0 {
                match frames::alloc_for_program() {
                    // SAFETY: as above.
                    Some(frame) => unsafe { slot.write(leaf(frame, prot)) },
                    None if address >= needed.0 && address < needed.1 => return Err(Errno::ENOMEM),
                    None => return Ok(()),
                }
                self.resident += 1;
            }
            address += PAGE;
        }
        Ok(())
    }
}

/// The run of pages to map around those that are wanted, within the area.
fn run_around(start: u64, end: u64, area: &Area) -> (u64, u64) {
    let (free, total) = frames::counts();
    if free < total / 8 {
        return (start, end);
    }
    let low = (start & !(RUN * PAGE - 1)).max(area.start);
    let walking = low > area.start && paging::translate(low - PAGE).is_some();
    let len = if walking && free > total / 4 {
        LONG_RUN
    } else {
        RUN
    };
    let high = ((start & !(RUN * PAGE - 1)) + len * PAGE).max(end).min(area.end);
    (low, high)
}

/// Makes pages `start..end` of one area present. Reading a file may block.
fn populate(area: &Area, start: u64, end: u64) -> Result<()> {
    let (low, high) = run_around(start, end, area);
    let Backing::File(file, offset) = &area.backing else {
        return SPACE.lock().populate_zero(low, high, (start, end), area.prot);
    };
    for address in (low..high).step_by(PAGE_SIZE) {
        if paging::entry(address, true).is_none_or(|slot| {
            // SAFETY: `entry` gives a slot of a table of ours.
            unsafe { slot.read() != 0 }
        }) {
            continue;
        }
        let frame = frames::alloc_for_program().ok_or(Errno::ENOMEM)?;
        // SAFETY: the frame is ours alone until it is mapped below.
        let page = unsafe { core::slice::from_raw_parts_mut(layout::linear(frame) as *mut u8, PAGE_SIZE) };
        let read = read_full(file.as_ref(), offset + (address - area.start), page);
        let mut space = SPACE.lock();
        match (read, paging::entry(address, false)) {
            // Beyond the last page of the file there is nothing to map; only the page that was touched is an error.
            (Ok(0), _) => {
                frames::free(frame, 0);
                drop(space);
                if (start..end).contains(&address) {
                    return Err(Errno::ENXIO);
                }
            }
            // SAFETY: as above; the slot is looked at again, as reading may have let others run.
            (Ok(_), Some(slot)) if unsafe { slot.read() } == 0 => {
                // SAFETY: as above.
                unsafe { slot.write(leaf(frame, area.prot)) };
                space.resident += 1;
            }
            (Ok(_), _) => frames::free(frame, 0),
            (Err(errno), _) => {
                frames::free(frame, 0);
                return Err(errno);
            }
        }
    }
    Ok(())
}

/// Reads until the buffer is full or the file ends.
///
/// # Errors
///
/// Those of the file.
pub fn read_full(file: &dyn crate::file::File, offset: u64, buffer: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read(offset + done as u64, &mut buffer[done..])? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}

/// Checks that the program may read (or write) the range, and maps in what of it is not present yet.
///
/// # Errors
///
/// `EFAULT`.
pub fn check_user(address: u64, len: usize, write: bool) -> Result<()> {
    let end = address
        .checked_add(len as u64)
        .filter(|&end| end <= layout::PROGRAM_END && address >= layout::PROGRAM_START)
        .ok_or(Errno::EFAULT)?;
    let need = bits::PRESENT | if write { bits::WRITE } else { 0 };
    let mut at = page_down(address);
    while at < end {
        // The page tables know most answers, and they are quick to ask.
        let present = paging::entry(at, false).is_some_and(|slot| {
            // SAFETY: `entry` gives a slot of a table of ours.
            unsafe { slot.read() & need == need }
        });
        if !present {
            let area = SPACE.lock().areas.find(at).cloned().ok_or(Errno::EFAULT)?;
            let needed = if write { Prot::WRITE } else { Prot::READ };
            if !area.prot.contains(needed) {
                return Err(Errno::EFAULT);
            }
            let upto = page_up(end).unwrap_or(end).min(area.end);
            populate(&area, at, upto).map_err(|_| Errno::EFAULT)?;
        }
        at += PAGE;
    }
    Ok(())
}

/// A page fault of the program (error code: Intel SDM volume 3, 4.7). `Err` if it has no right to what it did.
///
/// # Errors
///
/// `EFAULT` for an address or access outside the map, `ENXIO` beyond the end of a mapped file, `EIO` where the file cannot be read.
pub fn fault(address: u64, error: u64) -> Result<()> {
    let area = SPACE.lock().areas.find(address).cloned().ok_or(Errno::EFAULT)?;
    let wanted = match error {
        _ if error & 16 != 0 => Prot::EXEC,
        _ if error & 2 != 0 => Prot::WRITE,
        _ => Prot::READ,
    };
    // As on x86 Linux, what may be written or executed may be read.
    let allowed = area.prot.contains(wanted) || wanted == Prot::READ && !area.prot.is_empty();
    if !allowed {
        return Err(Errno::EFAULT);
    }
    let page = page_down(address);
    match populate(&area, page, page + PAGE) {
        Err(Errno::ENOMEM) => {
            // As Linux's out-of-memory killer: a handler could not run without memory either.
            crate::log!(
                "out of memory: the program touched more than the VM has; give it more with --memory"
            );
            crate::sched::exit_process(ExitStatus::Signaled(linux_raw_sys::general::SIGKILL as u8))
        }
        other => other,
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

/// A free range of `len` bytes within `reach` of an address, below it if there is one.
#[must_use]
pub fn gap_near(near: u64, len: u64, reach: u64) -> Option<u64> {
    let space = SPACE.lock();
    let floor = near.saturating_sub(reach).max(layout::PROGRAM_START);
    let ceiling = near.saturating_add(reach).min(layout::PROGRAM_END);
    space
        .areas
        .gap_below(near, floor, len)
        .or_else(|| space.areas.gap_below(ceiling, near, len))
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
            let slot = paging::entry(address, true).ok_or(Errno::ENOMEM)?;
            // SAFETY: `entry` gives a slot of a table of ours.
            unsafe { slot.write(leaf(block + page * PAGE, prot)) };
            space.resident += 1;
            address += PAGE;
        }
    }
    Ok(())
}

/// The map as `/proc/self/maps` shows it (`proc(5)`).
#[must_use]
pub fn maps_text() -> String {
    let areas: Vec<Area> = SPACE.lock().areas.iter().cloned().collect();
    let mut text = String::new();
    for area in areas {
        let flag = |prot, letter| if area.prot.contains(prot) { letter } else { '-' };
        let (r, w, x) = (
            flag(Prot::READ, 'r'),
            flag(Prot::WRITE, 'w'),
            flag(Prot::EXEC, 'x'),
        );
        let (offset, stat, path) = match &area.backing {
            Backing::Zero => (0, Stat::default(), None),
            Backing::File(file, offset) => (*offset, file.stat().unwrap_or_default(), file.path()),
        };
        let head = format!(
            "{:x}-{:x} {r}{w}{x}p {offset:08x} {:02x}:{:02x} {} ",
            area.start,
            area.end,
            stat.dev >> 8 & 0xfff,
            stat.dev & 0xff | stat.dev >> 12 & 0xf_ff00,
            stat.ino
        );
        match path.as_deref().unwrap_or(area.name) {
            "" => text.push_str(&format!("{head}\n")),
            name => text.push_str(&format!("{head:<73}{}\n", name.replace('\n', "\\012"))),
        }
    }
    text
}

/// Memory figures.
#[must_use]
pub fn usage() -> Usage {
    let (free, total) = frames::counts();
    let space = SPACE.lock();
    Usage {
        total: total * PAGE,
        free: free * PAGE,
        mapped: space.areas.iter().map(|area| area.end - area.start).sum(),
        resident: space.resident * PAGE,
    }
}
