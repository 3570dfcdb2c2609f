//! The arena of the running program.

use super::{
    arena::{Arena, Memory, Origin, REACH},
    stub::Patch,
};
use crate::{
    arch::{self, layout},
    mm::{
        PAGE_SIZE, frames, paging,
        space::{self, Place},
        vma::{Backing, Prot},
    },
    sync::{Lock, rank},
    user::UserSlice,
};
use alloc::{collections::BTreeSet, vec::Vec};
use core::ops::Range;

/// What `/proc/self/maps` calls pages of stubs.
const NAME: &str = "[syscalls]";

static ARENA: Lock<Arena, rank::CodeArena> = Lock::new(Arena::new());

/// The program's address space.
struct Program;

impl Memory for Program {
    fn page(&mut self, near: u64) -> Option<u64> {
        let at = space::gap_near(near, PAGE_SIZE as u64, REACH)?;
        let frame = frames::alloc_zeroed(0)?;
        let rights = Prot::READ | Prot::EXEC;
        let mapped = space::map(
            Place::FixedNoReplace(at),
            PAGE_SIZE as u64,
            rights,
            Backing::Zero,
            NAME,
        )
        .and_then(|page| space::install(page, &[(frame, 0)], rights).map(|()| page));
        if mapped.is_err() {
            frames::free(frame, 0);
        }
        let page = mapped.ok()?;
        self.write(page, &arch::trap::call_entry().to_le_bytes());
        Some(page)
    }

    fn holds(&self, page: u64) -> bool {
        space::name_at(page) == Some(NAME) && paging::translate(page).is_some()
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        let Some(physical) = paging::translate(address) else {
            return;
        };
        // SAFETY: the page is mapped at this frame, which the linear map covers; a stub does not cross its end, and nobody executes it yet.
        unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), layout::linear(physical) as *mut u8, bytes.len())
        };
    }
}

/// How the page of code that will be at address `base` is to be changed: nothing for most. Their stubs exist when this returns.
///
/// Takes the memory map's lock.
#[must_use]
pub fn plan(base: u64, page: &[u8]) -> Vec<Patch> {
    ARENA.lock().plan(&mut Program, base, page)
}

/// Code that was read into memory of its own when the program was loaded, and which pages of it were looked at since.
#[derive(Debug)]
struct Loaded {
    ranges: Vec<Range<u64>>,
    seen: BTreeSet<u64>,
}

static LOADED: Lock<Loaded> = Lock::new(Loaded {
    ranges: Vec::new(),
    seen: BTreeSet::new(),
});

/// Notes pages of code that were loaded whole. Each is rewritten when the first `syscall` in it traps: most are never run, and to look at all of them
/// would take a twentieth of a cold start.
pub fn loaded(pages: Range<u64>) {
    LOADED.lock().ranges.push(pages);
}

/// A `syscall` trapped, and the program will go on at `rip`: rewrites its page if that was loaded whole and not looked at yet. True if bytes were changed; the way back must then be by an
/// instruction that serializes, as they were written at another address (Intel SDM volume 3, 9.1.3).
///
/// The program may be anywhere in the page. That is safe while nobody else runs: a thread stands before or behind an instruction that makes way, not in it, and a
/// `syscall` that hops may be come to as before. With more processors the page must be taken out of the tables meanwhile.
#[must_use]
pub fn trapped(rip: u64) -> bool {
    let page = rip.wrapping_sub(2) & !(PAGE_SIZE as u64 - 1);
    {
        let mut loaded = LOADED.lock();
        if !loaded.ranges.iter().any(|range| range.contains(&page)) || !loaded.seen.insert(page) {
            return false;
        }
    }
    // By now the program may have something else there, or given the page back and got it from the file again.
    if !space::is_code(page) {
        return false;
    }
    let Ok(physical) = space::own_page(page) else {
        return false;
    };
    // SAFETY: the frame is the page's own, not the file's; the linear map covers it, and nobody else runs.
    let bytes = unsafe { core::slice::from_raw_parts_mut(layout::linear(physical) as *mut u8, PAGE_SIZE) };
    let patches = plan(page, bytes);
    for patch in &patches {
        bytes[patch.offset..][..patch.bytes().len()].copy_from_slice(patch.bytes());
    }
    !patches.is_empty()
}

/// Where a thread that was interrupted at `rip` counts as standing, if it was on its way from a site to the kernel.
#[must_use]
pub fn settle(rip: u64) -> Option<u64> {
    match ARENA.lock().origin(rip)? {
        Origin::Stub { page, at } => Program.holds(page).then_some(at),
        Origin::Padding(syscall) => {
            let bytes = UserSlice::new(syscall, 2).bytes().ok()?;
            let target = syscall
                .wrapping_add(2)
                .wrapping_add_signed(i64::from(bytes[1] as i8));
            (bytes[0] == 0xeb && target == rip).then_some(syscall)
        }
    }
}
