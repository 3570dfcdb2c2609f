//! CPU time: of a thread, and of the process, which keeps that of threads that have ended.

use super::{find, threads};
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;

/// CPU time of threads that have ended, in nanoseconds.
static ENDED: AtomicU64 = AtomicU64::new(0);

/// A clock that runs while something does (`clock_getcpuclockid(3)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuClock {
    /// All threads, those that have ended included.
    Process,
    /// The thread with this number.
    Thread(i32),
}

impl CpuClock {
    /// How often at most it is looked at by what waits for it. On one vCPU it never runs faster than time passes, so nothing is missed by looking
    /// again after what is left of it.
    pub const TICK: Duration = Duration::from_millis(1);

    /// What it shows, in nanoseconds; `None` if its thread has ended.
    #[must_use]
    pub fn now(self) -> Option<u64> {
        match self {
            Self::Process => Some(process_cpu_time()),
            Self::Thread(tid) => find(tid).map(|thread| thread.cpu_time()),
        }
    }
}

/// CPU time of the process in nanoseconds.
#[must_use]
pub fn process_cpu_time() -> u64 {
    let running: u64 = threads().iter().map(|thread| thread.cpu_time()).sum();
    running + ENDED.load(Ordering::Relaxed)
}

/// Keeps the time of a thread that ends.
#[cfg(feature = "elf")]
pub(super) fn keep(used: u64) {
    ENDED.fetch_add(used, Ordering::Relaxed);
}
