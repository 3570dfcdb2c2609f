//! Memory: frames, the kernel's heap, page tables, the program's memory map.
//!
//! - [`frames`]: page frames. [`heap`]: the kernel's allocator above them. [`dma`]: memory that devices reach.
//! - [`vma`]: the memory map as bookkeeping. [`paging`]: page tables. [`space`]: both together, `mmap(2)` and its family, and page faults.
//! - [`rewrite`]: the program's `syscall` instructions become jumps to the kernel.

pub mod dma;
pub mod vma;

pub mod frames;
pub mod heap;
pub mod paging;
pub mod rewrite;
pub mod space;

#[cfg(not(feature = "elf"))]
mod hosted;
#[cfg(feature = "elf")]
pub use frames::has_room_for_program;
#[cfg(not(feature = "elf"))]
pub use hosted::{check_user, has_room_for_program, maps_text, smaps_rollup_text, smaps_text, usage};
#[cfg(feature = "elf")]
pub use space::{check_user, maps_text, smaps_rollup_text, smaps_text, usage};
pub use space::{fault, is_mapped};

/// What is called after memory was freed that the host could have back.
static FREED: crate::sync::Lock<Option<fn()>> = crate::sync::Lock::new(None);

/// Has `hook` called when the program has given back memory; from where nothing is locked.
pub fn on_free(hook: fn()) {
    *FREED.lock() = Some(hook);
}

/// Calls the hook, if there is cause. For the ends of calls that free memory in bulk; what is freed elsewhere is seen at the next of them.
pub(crate) fn freed() {
    if frames::take_idle_note() {
        let hook = *FREED.lock();
        hook.inspect(|hook| hook());
    }
}

/// Bytes of a page.
pub const PAGE_SIZE: usize = 4096;

/// Memory figures in bytes, for `/proc/meminfo` and `sysinfo(2)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// All that the VM has for use.
    pub total: u64,
    /// Not in use.
    pub free: u64,
    /// Mapped by the program: the sum of its areas.
    pub mapped: u64,
    /// Of that, present in memory.
    pub resident: u64,
    /// Of what is mapped, locked (`mlock(2)`).
    pub locked: u64,
}

/// True for addresses of the program's part. What is there can be unmapped by another thread while this one sleeps, so a device must not be
/// given it to write to.
#[must_use]
pub fn is_program(address: u64) -> bool {
    cfg!(feature = "elf") && address < crate::arch::layout::PROGRAM_END
}
