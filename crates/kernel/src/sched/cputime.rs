//! What a thread has used, and the process, which keeps what threads had that have ended: CPU time, and the counts of `getrusage(2)`.

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

/// What `getrusage(2)` counts.
#[derive(Debug, Default)]
pub struct Counters {
    /// Page faults that were mended.
    pub faults: AtomicU64,
    /// Times that it waited for something.
    pub waits: AtomicU64,
    /// Times that it had to give way.
    pub preemptions: AtomicU64,
}

static ENDED_COUNTERS: Counters = Counters {
    faults: AtomicU64::new(0),
    waits: AtomicU64::new(0),
    preemptions: AtomicU64::new(0),
};

impl Counters {
    /// Faults, waits and preemptions.
    #[must_use]
    pub fn values(&self) -> [u64; 3] {
        [&self.faults, &self.waits, &self.preemptions].map(|counter| counter.load(Ordering::Relaxed))
    }
}

/// Faults, waits and preemptions of all threads, those that have ended included.
#[must_use]
pub fn process_counters() -> [u64; 3] {
    let mut sum = ENDED_COUNTERS.values();
    for thread in threads() {
        for (sum, value) in sum.iter_mut().zip(thread.counters.values()) {
            *sum += value;
        }
    }
    sum
}

/// Counts one more.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Keeps what a thread had that ends.
#[cfg(feature = "elf")]
pub(super) fn keep(thread: &super::Thread) {
    ENDED.fetch_add(thread.cpu_time(), Ordering::Relaxed);
    let [faults, waits, preemptions] = thread.counters.values();
    ENDED_COUNTERS.faults.fetch_add(faults, Ordering::Relaxed);
    ENDED_COUNTERS.waits.fetch_add(waits, Ordering::Relaxed);
    ENDED_COUNTERS
        .preemptions
        .fetch_add(preemptions, Ordering::Relaxed);
}
