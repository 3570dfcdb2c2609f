//! The way back to the program: which signal is served, and how the interrupted system call goes on.
//!
//! ```text
//! system call or interrupt done, deliverable? -> deliver
//!     rt_sigreturn asked for      -> registers, mask and stack from the frame
//!     signal, ignored             -> next signal
//!     signal, default             -> the VM ends (with a crash report for SIGSEGV and its kind)
//!     signal, handler             -> frame on the program's stack; next signal, on top of it
//!     none left                   -> an interrupted call is made again, if no handler runs
//! ```

use super::{
    ThreadSignals,
    action::{self, Action},
    frame::{self, Cause},
    info::{DUMPS_CORE, SigInfo, UNSTOPPABLE, bit},
};
use crate::{
    arch::frame::Frame,
    errno::{Errno, Result},
    sched,
};
use core::sync::atomic::Ordering;
use linux_raw_sys::general as raw;
use uigniter_abi::exit::ExitStatus;

/// Bytes of a `syscall` instruction (and of the two-byte call that may stand in its place).
const SYSCALL_LEN: u64 = 2;

/// Serves all signals that are deliverable to the current thread. Called with its registers when it is about to go back to the program, and
/// [`deliverable`](ThreadSignals::deliverable) said so. Does not come back if a signal ends the process.
pub fn deliver(frame: &mut Frame) {
    let thread = sched::current();
    let signals = &thread.signals;
    if signals.returning.swap(false, Ordering::Relaxed)
        && let Err(fatal) = return_from_handler(signals, frame)
    {
        die(&fatal, frame);
    }
    if let Err(fatal) = serve(signals, frame) {
        die(&fatal, frame);
    }
}

/// An exception that the program's own instruction raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The signal.
    pub signo: i32,
    /// `si_code`.
    pub code: i32,
    /// `si_addr`.
    pub address: u64,
    /// What the processor said.
    pub cause: Cause,
}

impl Fault {
    /// Raises the signal in the current thread and at once lets it go on in the handler; ends the process if there is none or it is blocked.
    pub fn raise(&self, frame: &mut Frame) {
        let thread = sched::current();
        let info = SigInfo::fault(self.signo, self.code, self.address);
        if let Err(fatal) = force_info(&thread.signals, &info, frame, self.cause) {
            die(&fatal, frame);
        }
    }
}

/// The thread was interrupted, by another one that ran or by a handler that is about to: a restartable section of it is over (`rseq(2)`).
pub fn after_interruption(frame: &mut Frame) {
    let thread = sched::current();
    match sched::rseq::after_interruption(&thread, frame.rip) {
        Ok(rip) => frame.rip = rip,
        Err(_) => {
            let info = SigInfo::from_kernel(raw::SIGSEGV as i32);
            // A standard signal always fits.
            let _ = super::send_thread(&thread, info);
        }
    }
}

/// A signal that ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fatal {
    signo: i32,
    /// The address of a fault.
    address: Option<u64>,
}

impl From<&SigInfo> for Fatal {
    fn from(info: &SigInfo) -> Self {
        let is_fault = info.code > 0 && info.code != raw::SI_KERNEL as i32;
        Self {
            signo: info.signo,
            address: is_fault.then_some(info.address()),
        }
    }
}

/// A blocked or ignored fault cannot go on: it ends the process, as in Linux.
fn force_info(signals: &ThreadSignals, info: &SigInfo, frame: &mut Frame, cause: Cause) -> Result<(), Fatal> {
    let action = action::get(info.signo);
    if !action.has_handler() || signals.mask() & bit(info.signo) != 0 {
        return Err(info.into());
    }
    frame.orig_rax = -1;
    call_handler(signals, &action, info, frame, cause)
}

/// `rt_sigreturn(2)`.
fn return_from_handler(signals: &ThreadSignals, frame: &mut Frame) -> Result<(), Fatal> {
    let Ok(restored) = frame::pop(frame) else {
        return force_info(
            signals,
            &SigInfo::from_kernel(raw::SIGSEGV as i32),
            frame,
            Cause::default(),
        );
    };
    signals.set_mask(restored.mask);
    // A stack that would not do is left out silently, as in Linux.
    let _ = super::set_stack(signals, &restored.stack, frame.rsp);
    Ok(())
}

/// Serves signals until none is left or one is fatal.
fn serve(signals: &ThreadSignals, frame: &mut Frame) -> Result<(), Fatal> {
    while let Some(info) = signals.take(!signals.mask()) {
        let action = action::get(info.signo);
        if action.ignores(info.signo) {
            continue;
        }
        if !action.has_handler() || bit(info.signo) & UNSTOPPABLE != 0 {
            return Err((&info).into());
        }
        interrupted_call(frame, Some(&action));
        after_interruption(frame);
        call_handler(signals, &action, &info, frame, Cause::default())?;
    }
    interrupted_call(frame, None);
    if let Some(mask) = signals.take_saved_mask() {
        signals.set_mask(mask);
        // Signals that only the wait had blocked are due now.
        return if signals.deliverable() {
            serve(signals, frame)
        } else {
            Ok(())
        };
    }
    Ok(())
}

/// The call to make again: the same, or the one that goes on with what is left of it.
#[must_use]
pub fn restart_number(code: Errno, number: i64) -> u64 {
    if code == Errno::ERESTART_RESTARTBLOCK {
        u64::from(raw::__NR_restart_syscall)
    } else {
        number as u64
    }
}

/// Decides how a system call that a signal interrupted goes on (`signal(7)`, "Interruption of system calls").
fn interrupted_call(frame: &mut Frame, handler: Option<&Action>) {
    if frame.orig_rax < 0 {
        return;
    }
    let code = match u16::try_from((frame.rax as i64).wrapping_neg()) {
        Ok(code) => Errno(code),
        Err(_) => return,
    };
    let again = match code {
        Errno::ERESTARTSYS => handler.is_none_or(|action| action.has(raw::SA_RESTART)),
        Errno::ERESTARTNOHAND | Errno::ERESTART_RESTARTBLOCK => handler.is_none(),
        Errno::ERESTARTNOINTR => true,
        _ => return,
    };
    if handler.is_some() {
        // What is left of the call is not to be gone on with by anybody.
        drop(sched::current().take_resume());
    }
    if again {
        frame.rax = restart_number(code, frame.orig_rax);
        frame.rip = frame.rip.wrapping_sub(SYSCALL_LEN);
    } else {
        frame.rax = i64::from(Errno::EINTR.0).wrapping_neg() as u64;
    }
    frame.orig_rax = -1;
}

fn call_handler(
    signals: &ThreadSignals,
    action: &Action,
    info: &SigInfo,
    frame: &mut Frame,
    cause: Cause,
) -> Result<(), Fatal> {
    let mask = signals.mask();
    let back_to = signals.take_saved_mask().unwrap_or(mask);
    if action.has(raw::SA_RESETHAND) {
        let _ = super::set_action(
            info.signo,
            Action {
                handler: 0,
                ..*action
            },
        );
    }
    let stack = signals.alt_stack();
    if frame::push(frame, action, info, back_to, stack, cause).is_err() {
        // No room for the frame: SIGSEGV, and if that is what could not be served, the end (`sigaltstack(2)`).
        let overflow = SigInfo::from_kernel(raw::SIGSEGV as i32);
        if info.signo == overflow.signo {
            return Err(info.into());
        }
        return force_info(signals, &overflow, frame, Cause::default());
    }
    if stack.flags & raw::SS_AUTODISARM != 0 {
        signals.set_alt_stack(super::AltStack::default());
    }
    let itself = if action.has(raw::SA_NODEFER) {
        0
    } else {
        bit(info.signo)
    };
    signals.set_mask(mask | action.mask | itself);
    Ok(())
}

/// The default action of signals that are not ignored.
fn die(fatal: &Fatal, frame: &Frame) -> ! {
    if bit(fatal.signo) & DUMPS_CORE != 0 {
        sched::crash(fatal.signo, frame, fatal.address);
    }
    sched::exit_process(ExitStatus::Signaled(fatal.signo as u8))
}

#[cfg(test)]
mod tests;
