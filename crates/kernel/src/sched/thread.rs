//! One thread of the program.

use super::{
    Counters, CpuTimes, Rseq,
    queue::{Account, Wishes},
};
use crate::{errno::Result, signal::ThreadSignals, sync::Lock, time};
use alloc::{boxed::Box, string::String};
use core::sync::atomic::AtomicU64;
#[cfg(feature = "elf")]
use core::sync::atomic::Ordering;

#[cfg(feature = "elf")]
use crate::arch::context::Context;
#[cfg(feature = "elf")]
use core::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicU8},
};

/// The rest of an interrupted system call.
pub(crate) type Resume = Box<dyn FnOnce() -> Result<usize> + Send>;

/// A thread of the program.
pub struct Thread {
    /// Thread number (`gettid(2)`); the first thread has the process number.
    pub tid: i32,
    /// Signal mask, pending signals, alternate stack.
    pub signals: ThreadSignals,
    /// `set_tid_address(2)`.
    pub clear_child_tid: AtomicU64,
    /// `set_robust_list(2)`.
    pub robust_list: AtomicU64,
    /// `PR_SET_NAME`.
    pub name: Lock<String>,
    /// What `getrusage(2)` tells of it.
    pub counters: Counters,
    /// How the system call goes on that a signal interrupted.
    resume: Lock<Option<Resume>>,
    /// `rseq(2)`.
    pub rseq: Lock<Option<Rseq>>,
    /// CPU time, and how it wants to be scheduled.
    pub(super) account: Account,
    #[cfg(feature = "elf")]
    pub(super) state: AtomicU8,
    /// It was woken while it was not blocked.
    #[cfg(feature = "elf")]
    pub(super) woken: AtomicBool,
    #[cfg(feature = "elf")]
    pub(crate) context: UnsafeCell<Context>,
    /// The seeded scheduler that it runs under, and which of its actors it is.
    #[cfg(test)]
    pub(super) stage: Option<(alloc::sync::Arc<super::stage::Stage>, usize)>,
}

// SAFETY: `context` is used only by the scheduler, for the thread that it leaves and the one that it goes on with.
#[cfg(feature = "elf")]
unsafe impl Sync for Thread {}

impl core::fmt::Debug for Thread {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Thread({})", self.tid)
    }
}

impl Thread {
    /// A thread that has not run yet.
    #[must_use]
    pub fn new(
        tid: i32,
        signals: ThreadSignals,
        wishes: Wishes,
        #[cfg(feature = "elf")] context: Context,
    ) -> Self {
        Self {
            tid,
            signals,
            clear_child_tid: AtomicU64::new(0),
            robust_list: AtomicU64::new(0),
            name: Lock::new(String::new()),
            counters: Counters::default(),
            resume: Lock::new(None),
            rseq: Lock::new(None),
            account: Account::new(wishes),
            #[cfg(feature = "elf")]
            state: AtomicU8::new(0),
            #[cfg(feature = "elf")]
            woken: AtomicBool::new(false),
            #[cfg(feature = "elf")]
            context: UnsafeCell::new(context),
            #[cfg(test)]
            stage: None,
        }
    }

    /// Says how the system call that answers [`ERESTART_RESTARTBLOCK`](crate::errno::Errno::ERESTART_RESTARTBLOCK) goes on.
    pub fn resume_with(&self, resume: impl FnOnce() -> Result<usize> + Send + 'static) {
        *self.resume.lock() = Some(Box::new(resume));
    }

    /// Takes what was said last; `None` if nothing is to be gone on with.
    pub(crate) fn take_resume(&self) -> Option<Resume> {
        self.resume.lock().take()
    }

    /// True if a signal waits that this thread does not block: a wait ends early.
    pub fn signal_pending(&self) -> bool {
        self.signals.deliverable()
    }

    /// True while it waits for something (state `S` of `proc_pid_stat(5)`).
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        #[cfg(feature = "elf")]
        return self.state.load(Ordering::Relaxed) == super::run::BLOCKED;
        // On the host, whoever asks is the one thread, and runs.
        #[cfg(not(feature = "elf"))]
        false
    }

    /// How it wants to be scheduled; changed by [`set_wishes`](super::set_wishes).
    #[must_use]
    pub fn wishes(&self) -> Wishes {
        self.account.wishes()
    }

    /// How it is scheduled now, with what it has for the sake of others.
    #[must_use]
    pub fn effective(&self) -> Wishes {
        self.account.effective()
    }

    /// The realtime priority that it has for the sake of others; changed by [`set_boost`](super::set_boost).
    #[must_use]
    pub fn boost(&self) -> u8 {
        self.account.boost()
    }

    /// CPU time in the program and in the kernel.
    pub fn times(&self) -> CpuTimes {
        self.counters.split(self.cpu_time())
    }

    /// CPU time used so far in nanoseconds (`CLOCK_THREAD_CPUTIME_ID`).
    pub fn cpu_time(&self) -> u64 {
        self.account.cpu_time(time::now())
    }
}

#[cfg(not(feature = "elf"))]
impl crate::wait::Wake for Thread {
    fn wake(&self) {
        #[cfg(test)]
        if let Some((stage, actor)) = &self.stage {
            stage.wake(*actor);
        }
    }
}
