//! What each processor has of its own: one place, so that a second processor is a second [`PerCpu`].
//!
//! Beside it there is the page that the entry code shares with ring 0 (`shared`), which is this processor's too and known to assembly by its address.
//! All else in the kernel is shared by all processors and behind a [`Lock`](crate::sync::Lock) or atomic.

use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64};

/// The state of one processor. Only that processor changes it, and the kernel is not preempted on it, so relaxed atomics do.
#[derive(Debug)]
pub struct PerCpu {
    /// Deadline that its timer is armed for; `u64::MAX` when it is not.
    pub(super) armed: AtomicU64,
    /// The thread that runs on it, as the scheduler keeps it; null before the first one.
    pub(crate) current: AtomicPtr<()>,
    /// System calls and faults until one is timed.
    pub(crate) until_sample: AtomicU32,
    #[cfg(all(feature = "elf", debug_assertions, not(test)))]
    held: core::cell::UnsafeCell<crate::sync::held::Stack>,
}

// SAFETY: only the processor itself uses `held`, and it is not preempted while it does (`with_held`); the rest is atomic.
#[cfg(all(feature = "elf", debug_assertions, not(test)))]
unsafe impl Sync for PerCpu {}

static BOOT_PROCESSOR: PerCpu = PerCpu {
    armed: AtomicU64::new(u64::MAX),
    current: AtomicPtr::new(core::ptr::null_mut()),
    until_sample: AtomicU32::new(0),
    #[cfg(all(feature = "elf", debug_assertions, not(test)))]
    held: core::cell::UnsafeCell::new(crate::sync::held::Stack::new()),
};

/// The processor that runs this.
#[must_use]
pub fn this() -> &'static PerCpu {
    &BOOT_PROCESSOR
}

/// Runs `f` on the locks that this processor holds; `f` takes none.
#[cfg(all(feature = "elf", debug_assertions, not(test)))]
pub(crate) fn with_held<R>(f: impl FnOnce(&mut crate::sync::held::Stack) -> R) -> R {
    // SAFETY: the kernel is not preempted, and `f` comes from `sync::held`, which does not nest.
    f(unsafe { &mut *this().held.get() })
}
