//! What the entry code calls: system calls, interrupts and exceptions of the program, and faults of the kernel itself.

use super::{frame::Frame, interrupt, shared, shared::shared as page};
use crate::{
    errno::Errno,
    mm::{self, frames},
    sched,
    signal::{self, Fault, frame::Cause},
    syscall,
};
use core::sync::atomic::Ordering;

/// A system call number that no program uses: `init` sends it to learn where `syscall` lands.
const PROBE: i64 = i64::MIN;

const SFMASK: u32 = 0xc000_0084;
const IF: u64 = 1 << 9;
const DF: u64 = 1 << 10;
const TF: u64 = 1 << 8;
/// Flags that a program may have: arithmetic, DF, AC, ID; IF is always set.
const PROGRAM_FLAGS: u64 = 0x24_0cd5;

unsafe extern "C" {
    #[link_name = "call_entry"]
    safe static CALL_ENTRY: u8;
    #[link_name = "syscall_entry"]
    safe static SYSCALL_ENTRY: u8;
    #[link_name = "leaving_start"]
    safe static LEAVING_START: u8;
    #[link_name = "leaving_end"]
    safe static LEAVING_END: u8;
}

/// Finds out whether `syscall` stays in ring 3 here, and if it does not, has interrupts masked on the way through ring 0: an interrupt there would push its frame onto
/// the program's stack. Where it stays in ring 3, the mask must not have IF (`facts`: nothing could set it again).
pub fn init() {
    let probe_stack = frames::alloc(2).unwrap_or(0);
    set_kernel_stack(super::layout::linear(probe_stack) + (4 * mm::PAGE_SIZE) as u64);
    // SAFETY: the entry code saves and restores all but RCX, R11 and RAX; the frame goes to the probe stack.
    unsafe { core::arch::asm!("syscall", inout("rax") PROBE => _, out("rcx") _, out("r11") _) };
    page().in_kernel.store(1, Ordering::Relaxed);
    frames::free(probe_stack, 2);
    if page().ring0_entries.load(Ordering::Relaxed) != 0 {
        // SAFETY: IA32_FMASK exists wherever EFER.SCE does.
        unsafe { shared::wrmsr(SFMASK, IF | DF | TF) };
    }
}

/// Makes the entry code save the next frame below `top`.
pub fn set_kernel_stack(top: u64) {
    page().kernel_stack.store(top, Ordering::Relaxed);
}

/// Runs `f` on the frame of the current thread.
pub fn with_frame<R>(f: impl FnOnce(&mut Frame) -> R) -> R {
    let at = page().kernel_stack.load(Ordering::Relaxed) - size_of::<Frame>() as u64;
    // SAFETY: every thread that is in the kernel has its frame at the top of its stack, and only it uses it.
    f(unsafe { &mut *(at as *mut Frame) })
}

/// A frame for a thread's first instruction.
#[must_use]
pub fn start_frame(rip: u64, rsp: u64) -> Frame {
    let cs = page().cs.load(Ordering::Relaxed);
    let ss = page().ss.load(Ordering::Relaxed);
    Frame {
        rip,
        cs,
        rflags: IF | 2,
        rsp,
        ss,
        orig_rax: -1,
        ..Frame::default()
    }
}

/// Serves what is pending; returns whether there was anything.
pub fn serve_pending() -> bool {
    // Mostly there is nothing, and to find that out a load does, at a tenth of the exchange's price.
    if page().pending.load(Ordering::Relaxed) == 0 {
        return false;
    }
    interrupt::serve(page().pending.swap(0, Ordering::Relaxed));
    true
}

/// Sleeps until an interrupt comes, and serves it.
pub fn idle() {
    if !interrupt::look_before_halt() {
        shared::halt();
    }
    serve_pending();
}

/// True if an interrupt waits to be served.
pub(super) fn is_pending() -> bool {
    page().pending.load(Ordering::Relaxed) != 0
}

/// The way back to the program: serves interrupts, lets others run, delivers signals. True if the program's registers must all be loaded.
fn leave(frame: &mut Frame) -> bool {
    let mut whole = frame.orig_rax == -1;
    loop {
        serve_pending();
        if sched::preempt() {
            signal::deliver::after_interruption(frame);
        }
        if sched::current().signal_pending() {
            stand_still(frame);
            signal::deliver(frame);
            whole = true;
        } else if frame.orig_rax >= 0 && matches!(frame.rax as i64, -516 | -514..=-512) {
            // Interrupted by a signal that turned out to be nobody's business: the call starts again.
            let code = Errno((frame.rax as i64).unsigned_abs() as u16);
            frame.rax = signal::deliver::restart_number(code, frame.orig_rax);
            frame.rip -= 2;
            whole = true;
        }
        if page().pending.load(Ordering::Relaxed) == 0 {
            break;
        }
    }
    if whole {
        // A signal handler's frame may hold anything.
        frame.cs = page().cs.load(Ordering::Relaxed);
        frame.ss = page().ss.load(Ordering::Relaxed);
        frame.rflags = frame.rflags & (PROGRAM_FLAGS | TF) | IF | 2;
    }
    sched::arm_timer();
    whole
}

/// Has a thread that was interrupted between a `syscall` and the kernel, or on its way back, stand at the instruction where a handler expects it: C libraries
/// compare its address to know whether a call was cancelled in time.
fn stand_still(frame: &mut Frame) {
    if frame.orig_rax >= 0 {
        return;
    }
    let address = |symbol: &u8| core::ptr::from_ref(symbol) as u64;
    if frame.rip == address(&CALL_ENTRY) || frame.rip == address(&SYSCALL_ENTRY) {
        frame.rip = frame.rcx.wrapping_sub(2);
    } else if (address(&LEAVING_START)..address(&LEAVING_END)).contains(&frame.rip) {
        frame.rip = frame.rcx;
    } else if let Some(origin) = mm::rewrite::settle(frame.rip) {
        frame.rip = origin;
    }
}

/// Where a rewritten system call enters the kernel.
#[must_use]
pub fn call_entry() -> u64 {
    core::ptr::from_ref(&CALL_ENTRY) as u64
}

#[unsafe(no_mangle)]
extern "C" fn kernel_syscall(frame: &mut Frame) -> bool {
    if frame.orig_rax == PROBE {
        return false;
    }
    let args = syscall::Args([frame.rdi, frame.rsi, frame.rdx, frame.r10, frame.r8, frame.r9]);
    let number = frame.orig_rax as u64;
    // A negative number is no system call, and must not look like an interrupt's frame.
    if frame.orig_rax < 0 {
        frame.orig_rax = i64::MAX;
    }
    let rewritten = frame.jumped == 0 && mm::rewrite::trapped(frame.rip);
    frame.rax = sched::in_system(|| syscall::dispatch(number, &args)) as u64;
    leave(frame) || rewritten
}

#[unsafe(no_mangle)]
extern "C" fn kernel_interrupt(frame: &mut Frame) {
    leave(frame);
}

#[unsafe(no_mangle)]
extern "C" fn kernel_thread_start(frame: &mut Frame) {
    leave(frame);
}

#[unsafe(no_mangle)]
extern "C" fn kernel_exception(frame: &mut Frame) {
    let vector = page().vector.load(Ordering::Relaxed);
    let error = page().error_code.load(Ordering::Relaxed);
    let cr2 = page().cr2.load(Ordering::Relaxed);
    use linux_raw_sys::general::{BUS_ADRERR, SIGBUS};
    let mended = if vector == 14 {
        sched::in_system(|| mm::fault(cr2, error))
    } else {
        Err(Errno::EFAULT)
    };
    if mended.is_ok() {
        sched::count(&sched::current().counters.faults);
    }
    if let Err(errno) = mended {
        stand_still(frame);
        let (number, code, address) = match errno {
            Errno::EFAULT => meaning(vector, cr2, frame),
            // What is mapped cannot be had: mmap(2).
            _ => (SIGBUS as i32, BUS_ADRERR as i32, cr2),
        };
        let cause = Cause {
            trap: vector,
            error,
            cr2,
        };
        Fault {
            signo: number,
            code,
            address,
            cause,
        }
        .raise(frame);
    }
    leave(frame);
}

/// Signal, `si_code` and `si_addr` of an exception, as Linux has them (`sigaction(2)`).
fn meaning(vector: u64, cr2: u64, frame: &Frame) -> (i32, i32, u64) {
    use linux_raw_sys::general::{
        FPE_INTDIV, ILL_ILLOPN, SEGV_ACCERR, SEGV_MAPERR, SI_KERNEL, SIGBUS, SIGFPE, SIGILL, SIGSEGV,
        SIGTRAP, TRAP_TRACE,
    };
    let (number, code, address) = match vector {
        0 => (SIGFPE, FPE_INTDIV, frame.rip),
        1 => (SIGTRAP, TRAP_TRACE, frame.rip),
        3 => (SIGTRAP, SI_KERNEL, 0),
        6 => (SIGILL, ILL_ILLOPN, frame.rip),
        14 if mm::is_mapped(cr2) => (SIGSEGV, SEGV_ACCERR, cr2),
        14 => (SIGSEGV, SEGV_MAPERR, cr2),
        16 | 19 => (SIGFPE, linux_raw_sys::general::FPE_FLTINV, frame.rip),
        17 => (SIGBUS, linux_raw_sys::general::BUS_ADRALN, cr2),
        _ => (SIGSEGV, SI_KERNEL, 0),
    };
    (number as i32, code as i32, address)
}

#[unsafe(no_mangle)]
extern "C" fn kernel_fault(frame: &mut Frame) -> ! {
    let vector = page().vector.load(Ordering::Relaxed);
    let error = page().error_code.load(Ordering::Relaxed);
    let cr2 = page().cr2.load(Ordering::Relaxed);
    if vector == 14 && mm::is_program(cr2) {
        // Memory was checked before it was used, so another thread unmapped it while a call of this one slept on it.
        crate::log!("memory at {cr2:#x} was unmapped under a system call that uses it");
        sched::crash(linux_raw_sys::general::SIGSEGV as i32, frame, Some(cr2));
    }
    crate::boot::crash::kernel_fault(vector, error, cr2, frame)
}

/// Where the kernel came in: 0 for the Linux entry, 1 for PVH; and the address of what the monitor says.
#[must_use]
pub fn boot_protocol() -> (u64, u64) {
    (
        page().boot_kind.load(Ordering::Relaxed),
        page().boot_info.load(Ordering::Relaxed),
    )
}

#[unsafe(no_mangle)]
extern "C" fn kernel_enter() -> ! {
    crate::boot::start()
}

/// Writes one of the paravirtual clock's registers, which name a page for the host to write.
pub fn write_clock_msr(register: u32, value: u64) {
    // SAFETY: the caller found the feature bit, and names memory of its own.
    unsafe { shared::wrmsr(register, value) };
}
