//! Making pages present: page faults, and addresses that a system call is given.
//!
//! A fault costs 23 us on a host that shadows page tables, so pages are mapped in runs around the one that is wanted. Mapping a fresh frame
//! takes guest memory but none of the host's until it is touched.

use super::{
    super::{
        frames,
        paging::{self, bits},
        vma::{Access, Area, Backing, FilePage, Pages, Prot, Traits},
    },
    PAGE, SPACE, Space, borrowed, leaf, page_down, page_up,
};
use crate::{
    arch::{self, layout},
    errno::{Errno, Result},
    mm::PAGE_SIZE,
};
use core::ops::Range;
use uigniter_abi::exit::ExitStatus;

/// Pages mapped at a fault, aligned; more when the program walks upward through fresh memory, and more still when it has walked for a while.
const RUN: u64 = 16;
const LONG_RUN: u64 = 64;
const LONGEST_RUN: u64 = 512;

/// Pages of a private mapping that are copied at a write to the first of them. Data segments are written from end to end when they are relocated,
/// and a copy costs a fifth of a fault; more would copy pages of long files that are never written.
const COPY_RUN: u64 = 4;

/// How near to the area below a growing one may come (Linux's `stack_guard_gap`).
const GUARD_GAP: u64 = 256 * PAGE;

/// What is to be made present.
#[derive(Clone)]
struct Want {
    /// Pages that must be there.
    needed: Range<u64>,
    /// Pages that may be made present along with them.
    run: Range<u64>,
    /// To write to them.
    write: bool,
    /// `Space::changes` when the area was looked up.
    changes: u64,
}

impl Want {
    fn new(area: &Area, needed: Range<u64>, write: bool, changes: u64) -> Self {
        let run = run_around(&needed, area);
        Self {
            needed,
            run,
            write,
            changes,
        }
    }
}

/// The run of pages to map around those that are wanted, within the area.
fn run_around(needed: &Range<u64>, area: &Area) -> Range<u64> {
    let (free, total) = frames::counts();
    if free < total / 8 {
        return needed.clone();
    }
    let aligned = needed.start & !(RUN * PAGE - 1);
    let low = aligned.max(area.start);
    let present = |pages: u64| {
        low.checked_sub(pages * PAGE)
            .is_some_and(|at| at >= area.start && paging::translate(at).is_some())
    };
    let walking = present(1);
    let len = if walking && free > total / 2 && present(LONG_RUN) && present(2 * LONG_RUN) {
        LONGEST_RUN
    } else if walking && free > total / 4 {
        LONG_RUN
    } else {
        RUN
    };
    low..(aligned + len * PAGE).max(needed.end).min(area.end)
}

/// The value of an entry; 0 where there is no table.
fn entry_of(address: u64) -> u64 {
    paging::entry(address, false).map_or(0, |slot| {
        // SAFETY: `entry` gives a slot of a table of ours.
        unsafe { slot.read() }
    })
}

impl Space {
    /// Maps zeroed frames where the range has none. Stops early, without an error, when memory runs short after what is needed was mapped.
    fn populate_zero(&mut self, want: &Want, prot: Prot) -> Result<()> {
        for address in want.run.clone().step_by(PAGE_SIZE) {
            let slot = paging::entry(address, true).ok_or(Errno::ENOMEM)?;
            // SAFETY: `entry` gives a slot of a table of ours.
            if unsafe { slot.read() } == 0 {
                match frames::alloc_for_program() {
                    // SAFETY: as above.
                    Some(frame) => unsafe { slot.write(leaf(frame, prot)) },
                    None if want.needed.contains(&address) => return Err(Errno::ENOMEM),
                    None => return Ok(()),
                }
                self.resident += 1;
            }
        }
        Ok(())
    }

    /// Writes an entry, and counts the page if there was none.
    pub(super) fn set(&mut self, address: u64, value: u64) -> Result<()> {
        let slot = paging::entry(address, true).ok_or(Errno::ENOMEM)?;
        // SAFETY: `entry` gives a slot of a table of ours.
        let old = unsafe { slot.replace(value) };
        self.resident += u64::from(old == 0);
        Ok(())
    }
}

/// Makes pages of one area present. Reading a file may block; where the map changed meanwhile it stops, and the caller looks again.
fn populate(area: &Area, want: &Want) -> Result<()> {
    let Some((file, offset)) = area.backing.file() else {
        return SPACE.lock().populate_zero(want, area.prot);
    };
    let pages = file.pages().ok_or(Errno::ENODEV)?;
    for address in want.run.clone().step_by(PAGE_SIZE) {
        let index = (offset + (address - area.start)) / PAGE;
        let step = match area.backing {
            Backing::Shared(..) => share(area, want, pages, index, address),
            _ => borrow_or_copy(area, want, pages, index, address),
        };
        match step {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(errno) if want.needed.contains(&address) => return Err(errno),
            // What was only to be had ahead of need: the needed pages may lie behind it still.
            Err(_) if address < want.needed.start => {}
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

/// Makes one page of a shared mapping present. False if the map changed.
fn share(area: &Area, want: &Want, pages: &dyn Pages, index: u64, address: u64) -> Result<bool> {
    let old = entry_of(address);
    let needed = want.needed.contains(&address);
    if old & bits::PARKED != 0
        || old & bits::PRESENT != 0 && (!needed || !want.write || old & bits::WRITE != 0)
    {
        return Ok(true);
    }
    let access = match (needed, want.write) {
        (false, _) => Access::Ahead,
        (true, false) => Access::Read,
        (true, true) => Access::Write,
    };
    let Some(page) = pages.page(index, access)? else {
        return Ok(true);
    };
    let mut space = SPACE.lock();
    if space.changes != want.changes {
        return Ok(false);
    }
    space.set(address, borrowed(page.frame, area.prot, page.writable))?;
    drop(space);
    if old != 0 {
        arch::flush_widened();
    }
    Ok(true)
}

/// Makes one page of a private mapping of a file present: the file's own page to read, a copy to write. False if the map changed.
fn borrow_or_copy(area: &Area, want: &Want, pages: &dyn Pages, index: u64, address: u64) -> Result<bool> {
    let old = entry_of(address);
    let needed = want.needed.contains(&address);
    let copies = want.write
        && (want.needed.start..want.needed.end.max(want.needed.start + COPY_RUN * PAGE)).contains(&address);
    // A page that is there is replaced only if it must be: others may still be in the TLB as they were.
    if old != 0
        && !(needed && want.write && old & (bits::BORROWED | bits::PRESENT) == bits::BORROWED | bits::PRESENT)
    {
        return Ok(true);
    }
    let access = if needed { Access::Read } else { Access::Ahead };
    let Some(page) = pages.page(index, access)? else {
        return Ok(true);
    };
    let value = match copies {
        true => leaf(copy(page)?, area.prot),
        false => borrowed(page.frame, area.prot, false),
    };
    let mut space = SPACE.lock();
    // As reading may have let others run, who may have made the page present.
    if space.changes != want.changes || entry_of(address) != old {
        if value & bits::BORROWED == 0 {
            frames::free(value & bits::ADDRESS, 0);
        }
        return Ok(space.changes == want.changes);
    }
    space.set(address, value)?;
    drop(space);
    if old != 0 {
        arch::flush_tlb();
    }
    Ok(true)
}

/// A frame of our own with the contents of a file's page.
fn copy(page: FilePage) -> Result<u64> {
    let frame = frames::alloc_for_program().ok_or(Errno::ENOMEM)?;
    // SAFETY: the new frame is ours alone, and the file's page stays while nobody else runs.
    unsafe {
        core::ptr::copy_nonoverlapping(
            layout::linear(page.frame) as *const u8,
            layout::linear(frame) as *mut u8,
            PAGE_SIZE,
        );
    }
    Ok(frame)
}

/// The area of an address and the count of changes, for work without the lock.
fn area_of(address: u64) -> Option<(Area, u64)> {
    let space = SPACE.lock();
    Some((space.areas.find(address)?.clone(), space.changes))
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
    make_present(page_down(address), end, write).map_err(|_| Errno::EFAULT)
}

fn make_present(start: u64, end: u64, write: bool) -> Result<()> {
    let need = bits::PRESENT | if write { bits::WRITE } else { 0 };
    let mut at = start;
    while at < end {
        // The page tables know most answers, and they are quick to ask.
        if entry_of(at) & need == need {
            at += PAGE;
            continue;
        }
        let (area, changes) = match area_of(at) {
            Some(found) => found,
            None if grow_down(at) => continue,
            None => return Err(Errno::EFAULT),
        };
        // As on x86 Linux, what may be written or executed may be read.
        let allowed = match write {
            true => area.prot.contains(Prot::WRITE),
            false => !area.prot.is_empty(),
        };
        if !allowed {
            return Err(Errno::EFAULT);
        }
        let upto = page_up(end).unwrap_or(end).min(area.end);
        // Looked at again after that: it may have stopped because the map changed.
        populate(&area, &Want::new(&area, at..upto, write, changes))?;
    }
    Ok(())
}

/// Makes all pages of a range present, as far as they can be (`MAP_POPULATE`, `mlock(2)`, `MADV_POPULATE_READ`).
///
/// # Errors
///
/// As `madvise(2)` has them: `ENOMEM` where something is not mapped or memory is out, `EINVAL` without the right, `EFAULT` past the end of a file, `EIO`.
pub fn populate_range(start: u64, len: u64, write: bool) -> Result<()> {
    let end = start.saturating_add(len);
    if !SPACE.lock().areas.covers(start, end, |_| true) {
        return Err(Errno::ENOMEM);
    }
    make_present(start, end, write).map_err(|errno| match errno {
        Errno::EFAULT => Errno::EINVAL,
        Errno::ENXIO => Errno::EFAULT,
        other => other,
    })
}

/// Maps what a private mapping's file has in memory, before it is touched: a page costs a hundredth of a fault here. Gives the end of what is mapped then,
/// which is before `end` where the file would have to be read.
pub fn show(start: u64, end: u64) -> u64 {
    let Some((area, changes)) = area_of(start) else {
        return start;
    };
    let (Backing::File(file, offset), end) = (&area.backing, end.min(area.end)) else {
        return start;
    };
    let Some(pages) = file.pages() else {
        return start;
    };
    let want = Want {
        needed: start..start,
        run: start..end,
        write: false,
        changes,
    };
    for address in want.run.clone().step_by(PAGE_SIZE) {
        let index = (offset + (address - area.start)) / PAGE;
        if !pages.resident(index) || borrow_or_copy(&area, &want, pages, index, address) != Ok(true) {
            return address;
        }
    }
    end
}

/// Lets the area above an address grow down to it, if it is such an area and nothing is in the way (`MAP_GROWSDOWN`).
fn grow_down(address: u64) -> bool {
    let page = page_down(address);
    let limit =
        crate::process::process().limits.lock()[linux_raw_sys::general::RLIMIT_STACK as usize].rlim_cur;
    let mut space = SPACE.lock();
    let Some(above) = space.areas.next_above(page) else {
        return false;
    };
    let (start, end) = (above.start, above.end);
    let lowest = page.saturating_sub(GUARD_GAP);
    if !above.traits.contains(Traits::GROWS_DOWN)
        || above.prot.is_empty()
        || end - page > limit
        || page < layout::PROGRAM_START
        || space
            .areas
            .overlapping(lowest, start)
            .any(|area| !area.prot.is_empty())
        || !space.areas.is_free(page, start)
    {
        return false;
    }
    space.changes += 1;
    space.areas.grow_down(start, page);
    true
}

/// A page fault of the program (error code: Intel SDM volume 3, 4.7). `Err` if it has no right to what it did.
///
/// # Errors
///
/// `EFAULT` for an address or access outside the map, `ENXIO` beyond the end of a mapped file, `EIO` where the file cannot be read.
pub fn fault(address: u64, error: u64) -> Result<()> {
    let (area, changes) = match area_of(address) {
        Some(found) => found,
        None if grow_down(address) => area_of(address).ok_or(Errno::EFAULT)?,
        None => return Err(Errno::EFAULT),
    };
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
    match populate(
        &area,
        &Want::new(&area, page..page + PAGE, error & 2 != 0, changes),
    ) {
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

/// Gives a private mapping its own copy of the page at an address, whatever the rights there are, and says where it is (guest-physical). For
/// the kernel's own changes to what is mapped.
///
/// # Errors
///
/// `EFAULT` outside the map and for shared mappings, `ENOMEM`, and what the file answers.
pub fn own_page(address: u64) -> Result<u64> {
    let page = page_down(address);
    loop {
        let (area, changes) = area_of(page).ok_or(Errno::EFAULT)?;
        if area.backing.is_shared() || area.prot.is_empty() {
            return Err(Errno::EFAULT);
        }
        let entry = entry_of(page);
        if entry & bits::PRESENT != 0 && entry & bits::BORROWED == 0 {
            return Ok(entry & bits::ADDRESS);
        }
        let run = page..page + PAGE;
        populate(
            &area,
            &Want {
                needed: run.clone(),
                run,
                write: true,
                changes,
            },
        )?;
    }
}
