//! The arena of the running program.

use super::arena::{Arena, Memory, Origin, REACH};
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

/// A `syscall` trapped, and the program will go on at `rip`: rewrites its page if nobody has looked at it yet. True if bytes were changed; the way back must then be by an
/// instruction that serializes, as they were written at another address (Intel SDM volume 3, 9.1.3).
///
/// The program may be anywhere in the page. That is safe while nobody else runs: a thread stands before or behind an instruction that makes way, not in it, and a
/// `syscall` that hops may be come to as before. With more processors the page must be taken out of the tables meanwhile.
#[must_use]
pub fn trapped(rip: u64) -> bool {
    let page = rip.wrapping_sub(2) & !(PAGE_SIZE as u64 - 1);
    if !space::first_look(page) {
        return false;
    }
    let Some(seen) = paging::translate(page) else {
        return false;
    };
    // SAFETY: the frame is in the linear map, and it stays as it is while nobody else runs.
    let bytes = unsafe { core::slice::from_raw_parts(layout::linear(seen) as *const u8, PAGE_SIZE) };
    let patches = ARENA.lock().plan(&mut Program, page, bytes);
    if patches.is_empty() {
        return false;
    }
    // The file's page is everybody's; what is changed is a copy.
    let Ok(physical) = space::own_page(page) else {
        return false;
    };
    // SAFETY: the frame is the page's own; the linear map covers it, and nobody else runs.
    let bytes = unsafe { core::slice::from_raw_parts_mut(layout::linear(physical) as *mut u8, PAGE_SIZE) };
    for patch in &patches {
        bytes[patch.offset..][..patch.bytes().len()].copy_from_slice(patch.bytes());
    }
    true
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
