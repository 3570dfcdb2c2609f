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
use alloc::vec::Vec;

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

/// Rewrites pages of code that nobody sees yet, the first of which will be at address `base`.
pub fn rewrite(base: u64, pages: &mut [u8]) {
    for (index, page) in pages.chunks_exact_mut(PAGE_SIZE).enumerate() {
        for patch in plan(base + (index * PAGE_SIZE) as u64, page) {
            page[patch.offset..][..patch.bytes().len()].copy_from_slice(patch.bytes());
        }
    }
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
