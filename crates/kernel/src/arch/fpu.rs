//! Vector and x87 state, with `XSAVE` in its standard form (Intel SDM volume 1, chapter 13).
//!
//! While a thread is in the kernel its XMM0 to XMM15 are in its [`Frame`] and the rest is still in the registers, as the kernel's own code
//! touches nothing else. [`save`] and [`restore`] bring both together, for signal frames; thread switches do not need that.

use super::{cpu, frame::Frame};
use crate::sync::Lock;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};

/// Offset of XMM0 in the legacy region of an area.
const XMM_OFFSET: usize = 160;

static AREA_SIZE: AtomicUsize = AtomicUsize::new(0);

/// Bytes of an area: what the components enabled in XCR0 need. A multiple of 64.
#[must_use]
pub fn area_size() -> usize {
    match AREA_SIZE.load(Ordering::Relaxed) {
        0 => {
            let size = (cpu::cpuid(0xd, 0).ebx as usize).max(576).next_multiple_of(64);
            AREA_SIZE.store(size, Ordering::Relaxed);
            size
        }
        size => size,
    }
}

/// The components enabled in XCR0.
#[must_use]
pub fn enabled() -> u64 {
    // SAFETY: XGETBV with ECX = 0 is unprivileged once CR4.OSXSAVE is set, which the shim does (and Linux, under test).
    unsafe {
        let (low, high): (u32, u32);
        core::arch::asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack));
        u64::from(high) << 32 | u64::from(low)
    }
}

/// Sets x87 and MXCSR to what a program starts with (System V ABI for x86-64, 3.4.1).
pub fn reset() {
    let mxcsr = 0x1f80u32;
    // SAFETY: control words only; the kernel uses neither x87 nor floating-point exceptions.
    unsafe { core::arch::asm!("fninit", "ldmxcsr [{}]", in(reg) &raw const mxcsr, options(nostack)) };
}

/// Stores the registers as they are.
///
/// # Safety
///
/// `area` is 64-byte aligned and holds [`area_size`] writable bytes whose XSAVE header is zero or valid.
pub unsafe fn xsave(area: *mut u8) {
    // SAFETY: the caller vouches for the area.
    unsafe {
        core::arch::asm!("xsave64 [{}]", in(reg) area, in("eax") u32::MAX, in("edx") u32::MAX, options(nostack))
    };
}

/// Loads the registers, but for what the compiler thinks of XMM registers: those are clobbered.
///
/// # Safety
///
/// `area` is 64-byte aligned, has [`area_size`] readable bytes even if its header names few components (a processor may probe them all), and was written by
/// [`xsave`], or checked: a malformed header faults.
pub unsafe fn xrstor(area: *const u8) {
    // SAFETY: the caller vouches for the area; all vector registers are declared clobbered.
    unsafe {
        core::arch::asm!("xrstor64 [{}]", in(reg) area, in("eax") u32::MAX, in("edx") u32::MAX,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _, out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
            options(nostack));
    }
}

/// Stores a thread's whole state, for a signal frame.
///
/// # Safety
///
/// As [`xsave`]; `frame` is the current thread's.
pub unsafe fn save(area: *mut u8, frame: &Frame) {
    // SAFETY: the caller vouches for the area, whose legacy region holds 256 bytes of XMM registers at offset 160; bit 1 of the
    // header's XSTATE_BV (offset 512) says that they are valid.
    unsafe {
        core::ptr::write_bytes(area.add(512), 0, 64);
        xsave(area);
        core::ptr::copy_nonoverlapping(frame.xmm.as_ptr().cast::<u8>(), area.add(XMM_OFFSET), 256);
        let valid = area.add(512).cast::<u64>();
        valid.write(valid.read() | 2);
    }
}

/// 64 bytes of an area, aligned as the processor wants it.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([u8; 64]);

/// What is loaded, made harmless. Always a whole area: the processor may look at all of it, whatever the header says is in it.
static LOADED: Lock<Vec<Line>> = Lock::new(Vec::new());

/// Loads a thread's whole state from a copy of what [`save`] wrote, or of its beginning: what is not there is initial. A program may have changed it in
/// between, so header and MXCSR (offset 24) are cut down to what XRSTOR takes.
pub fn restore(area: &[u8], frame: &mut Frame) {
    let size = area_size();
    let mut lines = LOADED.lock();
    lines.clear();
    lines.resize(size.div_ceil(64), Line([0; 64]));
    let start = lines.as_mut_ptr().cast::<u8>();
    // SAFETY: (1) the lines are `size` bytes or more, aligned to 64, of which no more than there are are written, and offsets 24, 160 and 512 lie
    // within the smallest area; (2) the header is one that XRSTOR takes, in an area as long as the processor says; (3) the frame is the current thread's.
    unsafe {
        core::ptr::copy_nonoverlapping(area.as_ptr(), start, area.len().min(size));
        let header = start.add(512).cast::<u64>();
        header.write(header.read() & enabled());
        core::ptr::write_bytes(header.add(1), 0, 7);
        let mxcsr = start.add(24).cast::<u32>();
        mxcsr.write(mxcsr.read() & 0xffff);
        if header.read() & 2 == 0 {
            core::ptr::write_bytes(start.add(XMM_OFFSET), 0, 256);
        }
        core::ptr::copy_nonoverlapping(start.add(XMM_OFFSET), frame.xmm.as_mut_ptr().cast::<u8>(), 256);
        xrstor(start);
    }
}
