//! Threads, and who runs.
//!
//! Who runs next is decided by [`queue`]: by CPU time had and nice value, realtime threads first, and at once when one wakes that had less. The timer is
//! armed for the end of a turn only while somebody else is ready (tickless). There is no idle thread: whoever blocks last halts the processor on its own
//! stack, and goes on without a switch if it is itself the next to run.
//!
//! ```text
//!            wake                    chosen
//!  Blocked ---------> Ready (queued) ---------> Running ---> ended
//!     ^                  ^                      |     |
//!     |                  +-- turn over, yield --+     |
//!     +------------- block, unless woken -------------+
//! ```
//!
//! A wake-up that finds a thread not blocked is kept for it, and its next `block` returns at once: so nothing is lost between a look and the sleep,
//! whoever runs in between.

mod cputime;
pub mod errand;
pub mod queue;
pub mod rseq;
mod thread;

#[cfg(not(feature = "elf"))]
mod hosted;
#[cfg(feature = "elf")]
mod run;
#[cfg(test)]
pub(crate) mod stage;

#[cfg(feature = "elf")]
pub use cputime::in_system;
pub use cputime::{Counters, CpuClock, CpuTimes, count, process_counters, process_cpu_time, process_times};
#[cfg(not(feature = "elf"))]
pub use hosted::{
    block, crash, current, exit_process, exit_thread, set_boost, set_wishes, threads, yield_now,
};
pub use queue::{ROUND, SLICE, Wishes};
pub use rseq::Rseq;
#[cfg(feature = "elf")]
pub use run::{
    arm_timer, block, crash, current, exit_process, exit_thread, preempt, set_boost, set_wishes, spawn,
    start_first, threads, yield_now,
};
pub use thread::Thread;

/// The thread with that number.
#[must_use]
pub fn find(tid: i32) -> Option<alloc::sync::Arc<Thread>> {
    threads().into_iter().find(|thread| thread.tid == tid)
}
