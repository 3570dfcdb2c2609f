//! The stack on which the ext4 code runs.
//!
//! It needs up to 30 KiB (measured: `rsext4` 0.9 in a release build, mounting), and a thread's kernel stack is 32 KiB with all that lies on it already. Larger
//! stacks for all threads were rejected: they are memory of the guest's, and few programs have volumes.

use crate::mm::dma;

/// Bytes; twice what was measured, and a reserve.
const BYTES: usize = 96 << 10;

/// A stack. One thread at a time is on it: who has the volume's turn. It is never given back, as volumes are not.
pub(super) struct Stack {
    #[cfg_attr(
        not(feature = "elf"),
        expect(dead_code, reason = "on the host, threads have large stacks")
    )]
    top: u64,
}

impl Stack {
    pub(super) fn new() -> Self {
        let (memory, _) = dma::alloc(BYTES);
        Self {
            top: memory.as_ptr() as u64 + BYTES as u64,
        }
    }

    /// Runs `work` on it.
    #[cfg(not(feature = "elf"))]
    #[expect(clippy::unused_self, reason = "in the kernel it is used")]
    pub(super) fn call<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        Some(work())
    }

    /// Runs `work` on it; there is always a result. A switch to another thread in between saves and restores the stack pointer, wherever it points.
    #[cfg(feature = "elf")]
    pub(super) fn call<T, F: FnOnce() -> T>(&self, work: F) -> Option<T> {
        let mut errand = Errand {
            work: Some(work),
            result: None,
        };
        let argument: *mut Errand<F, T> = &raw mut errand;
        // SAFETY: 1. the stack is large enough, aligned to 16 bytes at its top, and nobody else is on it (see the type); 2. `run` has the C calling convention and
        // is given a pointer to what it takes; 3. nothing unwinds: the kernel's panics end it.
        unsafe {
            core::arch::asm!(
                "mov r12, rsp",
                "mov rsp, {top}",
                "call {run}",
                "mov rsp, r12",
                top = in(reg) self.top & !15,
                run = in(reg) run::<T, F> as extern "C" fn(*mut Errand<F, T>),
                inlateout("rdi") argument => _,
                out("r12") _,
                clobber_abi("C"),
            );
        }
        errand.result
    }
}

#[cfg(feature = "elf")]
struct Errand<F, T> {
    work: Option<F>,
    result: Option<T>,
}

#[cfg(feature = "elf")]
extern "C" fn run<T, F: FnOnce() -> T>(errand: *mut Errand<F, T>) {
    // SAFETY: `call` gives a pointer to its own value, which nobody else uses until this returns.
    let errand = unsafe { &mut *errand };
    errand.result = errand.work.take().map(|work| work());
}
