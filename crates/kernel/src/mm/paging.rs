//! The program's page tables (Intel SDM volume 3, 4.5): four levels, filled through the linear map.
//!
//! A leaf entry is present, or empty, or *parked*: not present because of `PROT_NONE`, but still holding its frame. Accessed and dirty bits are set
//! from the start, so that neither the processor nor a shadowing host needs to write them.

use super::{PAGE_SIZE, frames};
use crate::{arch::layout, errno::Errno};

/// Entry bits.
pub mod bits {
    /// The page is there.
    pub const PRESENT: u64 = 1;
    /// It may be written.
    pub const WRITE: u64 = 1 << 1;
    /// Ring 3 may use it.
    pub const USER: u64 = 1 << 2;
    /// Accessed and dirty.
    pub const USED: u64 = 1 << 5 | 1 << 6;
    /// It may not be executed.
    pub const NO_EXECUTE: u64 = 1 << 63;
    /// Ours: not present, but the frame is kept.
    pub const PARKED: u64 = 1 << 9;
    /// Ours: the frame is a file's, and is not freed with the entry.
    pub const BORROWED: u64 = 1 << 10;
    /// Ours: code whose system calls nobody has looked at yet (`mm::rewrite`). Every entry of code begins so, also after `mprotect(2)`.
    pub const UNSEEN: u64 = 1 << 11;
    /// The frame's address.
    pub const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
}

/// Guest-physical address of the top table; `shim.rs` lays it out.
const PML4: u64 = 0x10_3000;

fn table(physical: u64) -> *mut u64 {
    layout::linear(physical) as *mut u64
}

/// The leaf entry of an address; missing tables are made if `create`. `None` when there is none, or no memory for it.
pub fn entry(address: u64, create: bool) -> Option<*mut u64> {
    let mut at = PML4;
    for shift in [39, 30, 21] {
        let index = (address >> shift & 511) as usize;
        // SAFETY: `at` is a table of ours; the linear map covers it.
        let slot = unsafe { table(at).add(index) };
        // SAFETY: as above.
        let value = unsafe { slot.read() };
        at = if value & bits::PRESENT != 0 {
            value & bits::ADDRESS
        } else if create {
            let fresh = frames::alloc_zeroed(0)?;
            // SAFETY: as above.
            unsafe { slot.write(fresh | bits::PRESENT | bits::WRITE | bits::USER | bits::USED) };
            fresh
        } else {
            return None;
        };
    }
    // SAFETY: as above.
    Some(unsafe { table(at).add((address >> 12 & 511) as usize) })
}

/// Extends the linear map by the GiBs that the range touches. The first GiB and the devices' one are mapped from the start; 2 MiB pages, as a host that shadows page tables may refuse larger ones.
///
/// # Errors
///
/// `ENOMEM` when there is no frame for a table.
pub fn extend_linear(start: u64, end: u64) -> Result<(), Errno> {
    const GIB: u64 = 1 << 30;
    // SAFETY: the entry of the linear map in the top table is part of the image.
    let directory = unsafe { table(PML4).add((layout::LINEAR >> 39 & 511) as usize).read() } & bits::ADDRESS;
    for index in start / GIB..end.min(layout::LINEAR_SIZE).div_ceil(GIB) {
        // SAFETY: the directory has 512 entries.
        let slot = unsafe { table(directory).add(index as usize) };
        // SAFETY: as above.
        if unsafe { slot.read() } & bits::PRESENT != 0 {
            continue;
        }
        let fresh = frames::alloc_zeroed(0).ok_or(Errno::ENOMEM)?;
        for page in 0..512 {
            let large = 1 << 7;
            let value = index * GIB + (page << 21);
            let flags = bits::PRESENT | bits::WRITE | bits::USER | bits::USED | bits::NO_EXECUTE | large;
            // SAFETY: the table is ours, and has 512 entries.
            unsafe { table(fresh).add(page as usize).write(value | flags) };
        }
        // SAFETY: as above.
        unsafe { slot.write(fresh | bits::PRESENT | bits::WRITE | bits::USER | bits::USED) };
    }
    Ok(())
}

/// Calls `f` with the leaf entry of each page of the range whose table exists, and the page's address. Skips quickly over what has no tables.
pub fn for_each(start: u64, end: u64, mut f: impl FnMut(u64, &mut u64)) {
    let mut address = start;
    while address < end {
        match entry(address, false) {
            Some(slot) => {
                // The rest of this table, without walking down again.
                let stop = ((address | 0x1f_ffff) + 1).min(end);
                let mut slot = slot;
                while address < stop {
                    // SAFETY: `slot` stays within the table that `entry` found.
                    f(address, unsafe { &mut *slot });
                    // SAFETY: at most one past the table's end.
                    slot = unsafe { slot.add(1) };
                    address += PAGE_SIZE as u64;
                }
            }
            None => address = skip(address),
        }
    }
}

/// Frees the tables of the 2 MiB regions that lie wholly in the range, whose entries are all empty. True if there were any: the TLB must be flushed then,
/// as processors keep what tables say, too. So a program that goes through its address space does not fill memory with tables.
pub fn free_tables(start: u64, end: u64) -> bool {
    const REGION: u64 = 1 << 21;
    let mut freed = false;
    let mut address = start.next_multiple_of(REGION);
    while address + REGION <= end {
        let mut at = PML4;
        let mut slot = None;
        for shift in [39, 30, 21] {
            // SAFETY: `at` is a table of ours; the linear map covers it.
            let entry = unsafe { table(at).add((address >> shift & 511) as usize) };
            // SAFETY: as above.
            let value = unsafe { entry.read() };
            if value & bits::PRESENT == 0 {
                slot = None;
                break;
            }
            at = value & bits::ADDRESS;
            slot = Some(entry);
        }
        match slot {
            Some(slot) => {
                // SAFETY: the slot is of a table of ours.
                unsafe { slot.write(0) };
                frames::free(at, 0);
                freed = true;
                address += REGION;
            }
            None => address = skip(address),
        }
    }
    freed
}

/// The next address whose table might exist.
fn skip(address: u64) -> u64 {
    let mut at = PML4;
    for shift in [39, 30, 21] {
        // SAFETY: `at` is a table of ours.
        let value = unsafe { table(at).add((address >> shift & 511) as usize).read() };
        if value & bits::PRESENT == 0 {
            return (address | ((1 << shift) - 1)) + 1;
        }
        at = value & bits::ADDRESS;
    }
    address + PAGE_SIZE as u64
}

/// Translates an address of the program.
pub fn translate(address: u64) -> Option<u64> {
    // SAFETY: `entry` gives a slot of a table of ours.
    let value = unsafe { entry(address, false)?.read() };
    (value & bits::PRESENT != 0).then_some(value & bits::ADDRESS | address & 0xfff)
}
