//! Single instructions that Rust has no name for.

use core::arch::asm;

/// The time stamp counter.
#[must_use]
pub fn rdtsc() -> u64 {
    // SAFETY: reads a counter; CR4.TSD is clear.
    unsafe { core::arch::x86_64::_rdtsc() }
}

/// Reads the thread pointer (FS base).
#[must_use]
pub fn fs_base() -> u64 {
    let value;
    // SAFETY: CR4.FSGSBASE is set at boot; the instruction changes nothing.
    unsafe { asm!("rdfsbase {}", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// Sets the thread pointer (FS base) of the program; the kernel's own code does not use FS.
///
/// `value` is canonical (the caller checked it), else the instruction faults.
pub fn set_fs_base(value: u64) {
    // SAFETY: CR4.FSGSBASE is set at boot; the kernel keeps nothing behind FS.
    unsafe { asm!("wrfsbase {}", in(reg) value, options(nomem, nostack, preserves_flags)) };
}

/// Reads GS base.
#[must_use]
pub fn gs_base() -> u64 {
    let value;
    // SAFETY: as `fs_base`.
    unsafe { asm!("rdgsbase {}", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// Sets GS base; canonical, as for [`set_fs_base`].
pub fn set_gs_base(value: u64) {
    // SAFETY: as `set_fs_base`.
    unsafe { asm!("wrgsbase {}", in(reg) value, options(nomem, nostack, preserves_flags)) };
}

/// `CPUID`. Costs microseconds where it traps: for boot only.
#[must_use]
pub fn cpuid(leaf: u32, subleaf: u32) -> core::arch::x86_64::CpuidResult {
    core::arch::x86_64::__cpuid_count(leaf, subleaf)
}
