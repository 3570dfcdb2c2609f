//! Threads, and who runs.
//!
//! One vCPU, round robin with a slice of [`SLICE`]; the timer is armed for a slice only while somebody else is ready. There is no idle
//! thread: whoever blocks last halts the processor on its own stack, and goes on without a switch if it is itself the next to run.
//!
//! ```text
//!            wake                    chosen
//!  Blocked ---------> Ready (queued) ---------> Running ---> ended
//!     ^                  ^                      |     |
//!     |                  +----- slice over -----+     |
//!     +--------------------- block -------------------+
//! ```

mod cputime;
pub mod rseq;
mod thread;

#[cfg(not(feature = "elf"))]
mod hosted;
#[cfg(feature = "elf")]
mod run;

pub use cputime::{Counters, CpuClock, count, process_counters, process_cpu_time};
#[cfg(not(feature = "elf"))]
pub use hosted::{block, crash, current, exit_process, exit_thread, threads, yield_now};
pub use rseq::Rseq;
#[cfg(feature = "elf")]
pub use run::{
    arm_timer, block, crash, current, exit_process, exit_thread, preempt, spawn, start_first, threads,
    yield_now,
};
pub use thread::Thread;

use core::time::Duration;

/// How long a thread runs while others are ready.
pub const SLICE: Duration = Duration::from_millis(3);

/// The thread with that number.
#[must_use]
pub fn find(tid: i32) -> Option<alloc::sync::Arc<Thread>> {
    threads().into_iter().find(|thread| thread.tid == tid)
}
