//! The signal frame: what lies on the program's stack while a handler runs.
//!
//! The layout is Linux's for x86-64 (`struct rt_sigframe`, `struct ucontext`, `struct sigcontext`): handlers read and change it, unwinders and
//! `longjmp` know it. From high to low addresses: 128 bytes that the interrupted function may use below its stack pointer, the XSAVE area (64-byte aligned) with Linux's
//! marks in it, and [`SigFrame`], whose first word is the handler's return address.

use super::{AltStack, action::Action, info::SigInfo};
use crate::{
    arch::{fpu, frame::Frame},
    errno::{Errno, Result},
    user::{Plain, UserPtr, UserSlice},
};
use linux_raw_sys::general as raw;

/// The red zone (System V ABI, AMD64 supplement, 3.2.2).
const RED_ZONE: u64 = 128;

/// `uc_flags`: the frame has extended state, and its SS is good (`UC_FP_XSTATE`, `UC_SIGCONTEXT_SS`, `UC_STRICT_RESTORE_SS`).
const UC_FLAGS: u64 = 1 | 2 | 4;

/// Offset of `struct _fpx_sw_bytes` in the legacy region.
const MARKS_OFFSET: u64 = 464;
const MAGIC1: u32 = 0x4650_5853;
const MAGIC2: u32 = 0x4650_5845;

/// CF, PF, AF, ZF, SF, TF, DF, OF, RF, AC: what a program may change of RFLAGS (`FIX_EFLAGS` in Linux).
const CHANGEABLE_FLAGS: u64 = 0x50dd5;
const TF: u64 = 1 << 8;
const DF: u64 = 1 << 10;
const RF: u64 = 1 << 16;

/// `stack_t` (`sigaltstack(2)`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackT {
    /// `ss_sp`.
    pub base: u64,
    /// `ss_flags`.
    pub flags: u32,
    pad: u32,
    /// `ss_size`.
    pub size: u64,
}

// SAFETY: integers only, without padding.
unsafe impl Plain for StackT {}

impl StackT {
    /// The form for the program, with the flag that says whether it runs on it.
    #[must_use]
    pub const fn new(stack: AltStack, sp: u64) -> Self {
        let state = match stack.size {
            0 => raw::SS_DISABLE,
            _ if stack.contains(sp) => raw::SS_ONSTACK,
            _ => 0,
        };
        Self {
            base: stack.base,
            flags: state | stack.flags,
            pad: 0,
            size: stack.size,
        }
    }
}

/// `struct sigcontext`: general registers in the kernel's order.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct SigContext {
    /// R8 to R15, RDI, RSI, RBP, RBX, RDX, RAX, RCX, RSP, RIP, RFLAGS.
    registers: [u64; 18],
    /// CS, GS, FS, SS.
    segments: [u16; 4],
    error: u64,
    trap: u64,
    old_mask: u64,
    cr2: u64,
    fpstate: u64,
    reserved: [u64; 8],
}

/// `struct rt_sigframe`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct SigFrame {
    return_address: u64,
    flags: u64,
    link: u64,
    stack: StackT,
    context: SigContext,
    mask: u64,
    info: SigInfo,
}

const _: () = assert!(size_of::<SigContext>() == 256 && size_of::<SigFrame>() == 440);
const UCONTEXT_OFFSET: u64 = 8;
const INFO_OFFSET: u64 = 312;

// SAFETY: integers only, without padding (the sizes are asserted above).
unsafe impl Plain for SigFrame {}

/// What of a fault's circumstances belongs into the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// Exception vector (`REG_TRAPNO`).
    pub trap: u64,
    /// The processor's error code (`REG_ERR`).
    pub error: u64,
    /// The address of a page fault (`REG_CR2`).
    pub cr2: u64,
}

/// Puts a frame on the program's stack and lets the thread go on in the handler.
///
/// `mask` is the mask to go back to when the handler returns.
///
/// # Errors
///
/// `EFAULT` if the stack cannot take it; nothing is changed then.
pub fn push(
    frame: &mut Frame,
    action: &Action,
    info: &SigInfo,
    mask: u64,
    stack: AltStack,
    cause: Cause,
) -> Result<()> {
    let on_alt = stack.contains(frame.rsp);
    let entering = action.has(raw::SA_ONSTACK) && stack.size > 0 && !on_alt;
    let top = if entering {
        stack.base.wrapping_add(stack.size)
    } else {
        frame.rsp.wrapping_sub(RED_ZONE)
    };
    let area_size = fpu::area_size() as u64;
    let area = top.wrapping_sub(area_size + 4) & !63;
    // As after a call: 16-byte aligned but for the return address.
    let at = (area.wrapping_sub(size_of::<SigFrame>() as u64) & !15).wrapping_sub(8);
    let overflows = if entering {
        at <= stack.base
    } else {
        on_alt && !stack.contains(at)
    };
    if overflows {
        return Err(Errno::EFAULT);
    }
    save_extended(area, area_size, frame)?;
    let context = SigContext {
        registers: [
            frame.r8,
            frame.r9,
            frame.r10,
            frame.r11,
            frame.r12,
            frame.r13,
            frame.r14,
            frame.r15,
            frame.rdi,
            frame.rsi,
            frame.rbp,
            frame.rbx,
            frame.rdx,
            frame.rax,
            frame.rcx,
            frame.rsp,
            frame.rip,
            frame.rflags,
        ],
        // What Linux's programs see; ours runs with other selectors, and they are not loaded back.
        segments: [0x33, 0, 0, 0x2b],
        error: cause.error,
        trap: cause.trap,
        old_mask: mask,
        cr2: cause.cr2,
        fpstate: area,
        reserved: [0; 8],
    };
    UserPtr::<SigFrame>::new(at).write(SigFrame {
        return_address: action.restorer,
        flags: UC_FLAGS,
        link: 0,
        stack: StackT::new(stack, frame.rsp),
        context,
        mask,
        info: *info,
    })?;
    frame.rdi = info.signo as u64;
    frame.rsi = at + INFO_OFFSET;
    frame.rdx = at + UCONTEXT_OFFSET;
    frame.rax = 0;
    frame.rsp = at;
    frame.rip = action.handler;
    frame.rflags &= !(TF | DF | RF);
    frame.orig_rax = -1;
    reset_extended(frame);
    Ok(())
}

/// Bytes that a frame takes at most, for `AT_MINSIGSTKSZ` (`getauxval(3)`).
#[must_use]
pub fn min_stack() -> usize {
    RED_ZONE as usize + size_of::<SigFrame>() + fpu::area_size() + 4 + 64 + 16 + 8
}

/// What [`pop`] found besides registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The mask from before the handler (which may have changed it).
    pub mask: u64,
    /// The alternate stack from before the handler.
    pub stack: StackT,
}

/// Takes the frame away that the stack pointer is just behind (its return address was popped by the handler's `ret`), and loads what it says.
///
/// # Errors
///
/// `EFAULT` if there is no such frame, or it names no address of the program.
pub fn pop(frame: &mut Frame) -> Result<Restored> {
    let saved = UserPtr::<SigFrame>::new(frame.rsp.wrapping_sub(8)).read()?;
    let [
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
        rdi,
        rsi,
        rbp,
        rbx,
        rdx,
        rax,
        rcx,
        rsp,
        rip,
        rflags,
    ] = saved.context.registers;
    // The processor would fault on the way back, in the kernel.
    if rip >= crate::arch::layout::PROGRAM_END.max(1 << 47) {
        return Err(Errno::EFAULT);
    }
    restore_extended(saved.context.fpstate, frame)?;
    *frame = Frame {
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
        rdi,
        rsi,
        rbp,
        rbx,
        rdx,
        rax,
        rcx,
        rsp,
        rip,
        rflags: frame.rflags & !CHANGEABLE_FLAGS | rflags & CHANGEABLE_FLAGS,
        orig_rax: -1,
        ..*frame
    };
    Ok(Restored {
        mask: saved.mask,
        stack: saved.stack,
    })
}

/// Writes the XSAVE area with Linux's marks: size and components in its software bytes, a magic number behind it.
fn save_extended(area: u64, size: u64, frame: &Frame) -> Result<()> {
    let bytes = UserSlice::new(area, size as usize + 4).bytes_mut()?;
    bytes.fill(0);
    // SAFETY: `area` is 64-byte aligned, `bytes` are its `area_size` writable bytes, zeroed just now; the frame is the current thread's.
    unsafe { fpu::save(bytes.as_mut_ptr(), frame) };
    let mut marks = [0u8; 24];
    marks[..4].copy_from_slice(&MAGIC1.to_le_bytes());
    marks[4..8].copy_from_slice(&(size as u32 + 4).to_le_bytes());
    marks[8..16].copy_from_slice(&fpu::enabled().to_le_bytes());
    marks[16..20].copy_from_slice(&(size as u32).to_le_bytes());
    bytes[MARKS_OFFSET as usize..][..24].copy_from_slice(&marks);
    bytes[size as usize..].copy_from_slice(&MAGIC2.to_le_bytes());
    Ok(())
}

/// Loads an XSAVE area that a program may have changed; without the marks only x87 and SSE are taken from it, without an area all is initial (as in Linux).
fn restore_extended(area: u64, frame: &mut Frame) -> Result<()> {
    if area == 0 {
        reset_extended(frame);
        return Ok(());
    }
    if !area.is_multiple_of(64) {
        return Err(Errno::EFAULT);
    }
    let size = fpu::area_size();
    // Only read: the handler may have made its stack read-only.
    let legacy = UserSlice::new(area, LEGACY_LEN).bytes()?;
    let word = |at: usize| {
        legacy
            .get(at..at + 4)
            .map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    };
    let marked = word(MARKS_OFFSET as usize) == Some(MAGIC1)
        && word(MARKS_OFFSET as usize + 16) == Some(size as u32)
        && UserPtr::<u32>::new(area + size as u64).read() == Ok(MAGIC2);
    if marked {
        fpu::restore(UserSlice::new(area, size).bytes()?, frame);
    } else {
        let mut plain = INITIAL;
        plain[..LEGACY_LEN].copy_from_slice(legacy);
        // x87 and SSE.
        plain[LEGACY_LEN] = 3;
        fpu::restore(&plain, frame);
    }
    Ok(())
}

/// Bytes of the legacy region, before the header.
const LEGACY_LEN: usize = 512;

/// Legacy region and header of an XSAVE area that says "everything initial".
const INITIAL: [u8; LEGACY_LEN + 64] = {
    let mut area = [0; LEGACY_LEN + 64];
    // MXCSR: all exceptions masked.
    area[24] = 0x80;
    area[25] = 0x1f;
    area
};

/// A handler starts with initial vector and x87 state, as in Linux.
fn reset_extended(frame: &mut Frame) {
    fpu::restore(&INITIAL, frame);
}

#[cfg(test)]
pub(in crate::signal) mod tests;
