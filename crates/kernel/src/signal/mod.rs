//! Signals, `signal(7)`.
//!
//! | module | is |
//! |---|---|
//! | [`info`] | numbers, sets, `siginfo_t` |
//! | `pending` | sent and not taken yet |
//! | [`action`] | what the program wants to happen |
//! | [`frame`] | the frame on the program's stack, there and back |
//! | [`deliver`](mod@deliver) | on the way back to the program: which signal, what happens |
//! | [`timers`] | timers that send signals |
//!
//! Sending ([`send_process`], [`send_thread`]) only notes the signal and wakes who may be meant; everything else happens when a thread is about to go back to the
//! program and [`ThreadSignals::deliverable`] says so. As nobody else could make it go on, the process never stops: signals that stop it are ignored.

use crate::{
    errno::{Errno, Result},
    process::process,
    sched::{self, Thread},
    sync::Lock,
    wait::{WaitQueue, Wake},
};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use info::{STOPPING, SigInfo, SigSet, UNSTOPPABLE, bit};
use linux_raw_sys::general as raw;
use pending::Pending;

pub mod action;
pub mod deliver;
pub mod frame;
pub mod info;
mod pending;
pub mod timers;

pub use deliver::{Fault, deliver};
pub use pending::QUEUE_LIMIT;

/// Signals to the process as a whole: any thread that does not block one takes it.
static PROCESS: Pending = Pending::new();

/// Woken when a signal is sent: for those who wait to take it without a handler (`sigwaitinfo(2)`, `signalfd(2)`).
static ARRIVALS: WaitQueue = WaitQueue::new();

/// The stack that handlers with `SA_ONSTACK` run on, `sigaltstack(2)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AltStack {
    /// Lowest address.
    pub base: u64,
    /// Bytes; 0 if there is none.
    pub size: u64,
    /// `SS_AUTODISARM` or 0.
    pub flags: u32,
}

impl AltStack {
    /// True if a stack pointer is on it. With `SS_AUTODISARM` it never is: the stack is given up while a handler runs.
    #[must_use]
    pub const fn contains(&self, sp: u64) -> bool {
        self.flags & raw::SS_AUTODISARM == 0 && sp > self.base && sp - self.base <= self.size
    }
}

/// What of `signal(7)` belongs to one thread.
#[derive(Debug, Default)]
pub struct ThreadSignals {
    mask: AtomicU64,
    pending: Pending,
    /// The mask to go back to after a wait with another one (`sigsuspend(2)`, `ppoll(2)`, ...).
    saved_mask: Lock<Option<SigSet>>,
    alt_stack: Lock<AltStack>,
    /// `rt_sigreturn` was called; [`deliver`](deliver()) does it, as only that has the registers.
    returning: AtomicBool,
}

impl ThreadSignals {
    /// Signals of a new thread: the creator's mask, nothing pending, no alternate stack (`clone(2)` with `CLONE_VM`).
    #[must_use]
    pub fn inherit(&self) -> Self {
        Self {
            mask: AtomicU64::new(self.mask()),
            ..Self::default()
        }
    }

    /// True if a signal waits that is not blocked, or there is other reason to call [`deliver`](deliver()) before the program runs on.
    pub fn deliverable(&self) -> bool {
        self.pending_set() & !self.mask() != 0 || self.returning.load(Ordering::Relaxed)
    }

    /// What waits for this thread or for the process (`sigpending(2)` shows the blocked ones of it).
    pub fn pending_set(&self) -> SigSet {
        self.pending.set() | PROCESS.set()
    }

    /// What waits for this thread alone.
    pub fn own_pending_set(&self) -> SigSet {
        self.pending.set()
    }

    /// The signals that are blocked.
    pub fn mask(&self) -> SigSet {
        self.mask.load(Ordering::Relaxed)
    }

    /// Blocks just these signals, but never `SIGKILL` and `SIGSTOP`.
    pub fn set_mask(&self, mask: SigSet) {
        let mask = mask & !UNSTOPPABLE;
        let before = self.mask.swap(mask, Ordering::Relaxed);
        // What came while it was blocked and is ignored must not end a wait.
        let unwanted = action::ignored(self.pending_set() & before & !mask);
        self.pending.discard(unwanted);
        PROCESS.discard(unwanted);
        // A signal to the process that this thread was woken for and blocks now is for another.
        let passed_on = PROCESS.set() & mask & !before;
        if passed_on != 0 {
            wake_one(passed_on);
        }
    }

    /// Blocks just these signals until the system call is over; [`end_wait`](Self::end_wait) or [`deliver`](deliver()) goes back.
    pub fn set_wait_mask(&self, mask: SigSet) {
        let before = self.mask();
        self.set_mask(mask);
        self.saved_mask.lock().get_or_insert(before);
    }

    /// Goes back to the mask before [`set_wait_mask`](Self::set_wait_mask), unless a signal ended the wait: then its handler must run first.
    pub fn end_wait(&self, interrupted: bool) {
        if !interrupted && let Some(mask) = self.take_saved_mask() {
            self.set_mask(mask);
        }
    }

    fn take_saved_mask(&self) -> Option<SigSet> {
        self.saved_mask.lock().take()
    }

    /// The alternate stack.
    pub fn alt_stack(&self) -> AltStack {
        *self.alt_stack.lock()
    }

    /// Sets the alternate stack.
    pub fn set_alt_stack(&self, stack: AltStack) {
        *self.alt_stack.lock() = stack;
    }

    /// Takes the next signal of `wanted`, blocked or not: first those to the thread, then those to the process.
    pub fn take(&self, wanted: SigSet) -> Option<SigInfo> {
        let mut info = self.pending.take(wanted).or_else(|| PROCESS.take(wanted))?;
        if info.code == raw::SI_TIMER {
            timers::count_overrun(&mut info);
        }
        Some(info)
    }

    /// Notes that the program called `rt_sigreturn`.
    pub fn request_return(&self) {
        self.returning.store(true, Ordering::Relaxed);
    }

    /// Adds a signal to this thread, unless it is ignored and not blocked.
    fn push(&self, info: SigInfo) -> Result<bool> {
        if action::get(info.signo).ignores(info.signo) && self.mask() & bit(info.signo) == 0 {
            return Ok(false);
        }
        if self.pending.push(info, limit()) {
            Ok(true)
        } else {
            Err(Errno::EAGAIN)
        }
    }
}

/// How many realtime signals may wait (`RLIMIT_SIGPENDING`).
fn limit() -> usize {
    process().limits.lock()[raw::RLIMIT_SIGPENDING as usize].rlim_cur as usize
}

/// A signal that stops the process and the one that lets it go on take each other back (`signal(7)`), whatever becomes of them.
fn take_back_opposite(signo: i32) {
    if signo == raw::SIGCONT as i32 {
        discard_everywhere(STOPPING);
    } else if bit(signo) & STOPPING != 0 {
        discard_everywhere(bit(raw::SIGCONT as i32));
    }
}

/// Sends a signal to one thread.
///
/// # Errors
///
/// `EAGAIN` when too many realtime signals wait (`sigqueue(3)`).
pub fn send_thread(thread: &Arc<Thread>, info: SigInfo) -> Result<()> {
    take_back_opposite(info.signo);
    if thread.signals.push(info)? {
        thread.wake();
        ARRIVALS.wake_all();
    }
    Ok(())
}

/// Sends a signal to the process.
///
/// # Errors
///
/// `EAGAIN` when too many realtime signals wait (`sigqueue(3)`).
pub fn send_process(info: SigInfo) -> Result<()> {
    take_back_opposite(info.signo);
    let signal = bit(info.signo);
    let ignored = action::get(info.signo).ignores(info.signo);
    // A blocked one is kept all the same: its action may have changed when it is unblocked.
    if ignored
        && sched::threads()
            .iter()
            .any(|thread| thread.signals.mask() & signal == 0)
    {
        return Ok(());
    }
    if !PROCESS.push(info, limit()) {
        return Err(Errno::EAGAIN);
    }
    wake_one(signal);
    ARRIVALS.wake_all();
    Ok(())
}

/// What waits for the process as a whole.
pub fn process_pending_set() -> SigSet {
    PROCESS.set()
}

/// Wakes one thread that does not block all of `signals`, the first thread for preference.
fn wake_one(signals: SigSet) {
    if let Some(thread) = sched::threads()
        .iter()
        .find(|thread| signals & !thread.signals.mask() != 0)
    {
        thread.wake();
    }
}

/// The queue that is woken when a signal is sent.
pub fn arrivals() -> &'static WaitQueue {
    &ARRIVALS
}

/// Changes what happens on a signal (`sigaction(2)`); signals that wait and are ignored from now on are forgotten.
///
/// # Errors
///
/// `EINVAL` for `SIGKILL` and `SIGSTOP`.
pub fn set_action(signal: i32, new: action::Action) -> Result<action::Action> {
    let before = action::set(signal, new)?;
    if new.ignores(signal) {
        discard_everywhere(bit(signal));
    }
    Ok(before)
}

/// Changes the alternate stack (`sigaltstack(2)`); `sp` is the program's stack pointer.
///
/// # Errors
///
/// `EPERM` while the thread runs on it, `EINVAL` for unknown flags, `ENOMEM` below `MINSIGSTKSZ`.
pub fn set_stack(signals: &ThreadSignals, new: &frame::StackT, sp: u64) -> Result<()> {
    if signals.alt_stack().size > 0 && signals.alt_stack().contains(sp) {
        return Err(Errno::EPERM);
    }
    let size = match new.flags & !raw::SS_AUTODISARM {
        raw::SS_DISABLE => 0,
        0 | raw::SS_ONSTACK if new.size < u64::from(raw::MINSIGSTKSZ) => return Err(Errno::ENOMEM),
        0 | raw::SS_ONSTACK => new.size,
        _ => return Err(Errno::EINVAL),
    };
    let base = if size == 0 { 0 } else { new.base };
    signals.set_alt_stack(AltStack {
        base,
        size,
        flags: new.flags & raw::SS_AUTODISARM,
    });
    Ok(())
}

fn discard_everywhere(signals: SigSet) {
    PROCESS.discard(signals);
    for thread in sched::threads() {
        thread.signals.pending.discard(signals);
    }
}

/// The current thread wrote to a pipe or socket that nobody reads any more.
pub fn raise_sigpipe() {
    raise(raw::SIGPIPE);
}

/// The current thread did what a standard signal says.
pub fn raise(signal: u32) {
    let info = SigInfo::from_process(signal as i32, raw::SI_USER as i32);
    // A standard signal always fits.
    let _ = send_thread(&sched::current(), info);
}

/// The host asks the program to end: `SIGTERM` to the process. Where the program does nothing about it, the VM ends with that signal.
pub fn terminate_gracefully() {
    let _ = send_process(SigInfo::from_kernel(raw::SIGTERM as i32));
}

#[cfg(test)]
mod tests;
