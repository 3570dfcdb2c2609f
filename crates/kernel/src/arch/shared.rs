//! The page that ring 0 and ring 3 share; its first fields are known to the assembly in `shim.rs` and `entry.rs` by offset.

use core::{
    arch::asm,
    sync::atomic::{AtomicU8, AtomicU64},
};

/// The shared page.
#[repr(C)]
#[derive(Debug)]
pub(super) struct Shared {
    /// Interrupts noted and not yet served, a bit each.
    pub(super) pending: AtomicU64,
    saved: [AtomicU64; 5],
    /// Error code of the last exception.
    pub(super) error_code: AtomicU64,
    /// CR2 at the last exception.
    pub(super) cr2: AtomicU64,
    /// Vector of the last exception.
    pub(super) vector: AtomicU64,
    upcalls: [AtomicU64; 5],
    /// 0 for the Linux entry, 1 for PVH.
    pub(super) boot_kind: AtomicU64,
    /// Guest-physical address of `boot_params` or `hvm_start_info`.
    pub(super) boot_info: AtomicU64,
    enter: [AtomicU64; 3],
    /// Top of the current thread's kernel stack.
    pub(super) kernel_stack: AtomicU64,
    program_rsp: AtomicU64,
    /// CS in ring 3, as the processor shows it.
    pub(super) cs: AtomicU64,
    /// SS in ring 3, as the processor shows it.
    pub(super) ss: AtomicU64,
    /// System calls that came in through ring 0.
    pub(super) ring0_entries: AtomicU64,
    reserved: AtomicU64,
    /// Not 0 while the kernel runs: interrupts are only noted.
    pub(super) in_kernel: AtomicU8,
}

const _: () = assert!(
    core::mem::offset_of!(Shared, in_kernel) == 0xc8,
    "entry.rs knows the offsets"
);

unsafe extern "C" {
    #[link_name = "shared"]
    safe static SHARED: Shared;
}

/// The shared page.
pub(super) fn shared() -> &'static Shared {
    &SHARED
}

/// Halts until an interrupt is pending; returns at once when one is.
pub(super) fn halt() {
    // SAFETY: service 0 of the shim; it changes nothing but the time.
    unsafe { asm!("int3", in("edi") 0, options(nostack)) };
}

/// Forgets all cached translations.
pub fn flush_tlb() {
    // SAFETY: service 1 of the shim: reloads CR3 with its own value.
    unsafe { asm!("int3", in("edi") 1, out("rax") _, options(nostack)) };
}

/// Forgets translations that have fewer rights than the page tables. The program's own faults mend those, but the kernel's own writes to the program's
/// memory may not fault. A host that shadows page tables mends them unseen, and a flush is dear there.
pub fn flush_widened() {
    if shared().ring0_entries.load(core::sync::atomic::Ordering::Relaxed) != 0 {
        flush_tlb();
    }
}

/// Writes a model-specific register.
///
/// # Safety
///
/// The caller knows what the register does and that the processor has it.
pub(super) unsafe fn wrmsr(register: u32, value: u64) {
    // SAFETY: service 3 of the shim; the caller vouches for the register.
    unsafe {
        asm!("int3", in("edi") 3, in("ecx") register, in("eax") value as u32, in("edx") (value >> 32) as u32, options(nostack));
    }
}
