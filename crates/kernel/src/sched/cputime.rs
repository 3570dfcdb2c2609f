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

/// CPU time in the program and in the kernel, in nanoseconds (`getrusage(2)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// In the program.
    pub user: u64,
    /// In the kernel.
    pub system: u64,
}

/// Of so many system calls and faults one is timed, and counts for all: two looks at the clock would cost as much as a short call takes. A prime number, so that
/// what a program does over and over does not fall in step with it.
#[cfg(feature = "elf")]
const SAMPLE: u32 = 17;

/// Runs what the kernel does for the current thread, and counts the time for it. What does not come back is not counted.
#[cfg(feature = "elf")]
pub fn in_system<R>(work: impl FnOnce() -> R) -> R {
    use super::current;
    let left = &crate::arch::percpu::this().until_sample;
    match left.load(Ordering::Relaxed) {
        0 => {}
        more => {
            left.store(more - 1, Ordering::Relaxed);
            return work();
        }
    }
    left.store(SAMPLE - 1, Ordering::Relaxed);
    // No thread is kept over the work, which may be its end.
    let before = current().cpu_time();
    let result = work();
    let me = current();
    let spent = me.cpu_time().saturating_sub(before).saturating_mul(SAMPLE.into());
    me.counters.system.fetch_add(spent, Ordering::Relaxed);
    result
}

/// CPU time of the process in the program and in the kernel.
#[must_use]
pub fn process_times() -> CpuTimes {
    let running: u64 = threads()
        .iter()
        .map(|thread| thread.counters.system.load(Ordering::Relaxed))
        .sum();
    let system = running + ENDED_COUNTERS.system.load(Ordering::Relaxed);
    split(process_cpu_time(), system, &ENDED_COUNTERS.shown)
}

/// Parts a time that is exact by one that was sampled. The part in the program is never less than it was `shown`.
fn split(total: u64, sampled: u64, shown: &AtomicU64) -> CpuTimes {
    let user = total.saturating_sub(sampled);
    let user = shown.fetch_max(user, Ordering::Relaxed).max(user).min(total);
    CpuTimes {
        user,
        system: total - user,
    }
}

/// What `getrusage(2)` counts.
#[derive(Debug, Default)]
pub struct Counters {
    /// Nanoseconds in the kernel, sampled.
    system: AtomicU64,
    /// The most nanoseconds in the program that were told.
    shown: AtomicU64,
    /// Page faults that were mended.
    pub faults: AtomicU64,
    /// Times that it waited for something.
    pub waits: AtomicU64,
    /// Times that it had to give way.
    pub preemptions: AtomicU64,
}

static ENDED_COUNTERS: Counters = Counters {
    system: AtomicU64::new(0),
    shown: AtomicU64::new(0),
    faults: AtomicU64::new(0),
    waits: AtomicU64::new(0),
    preemptions: AtomicU64::new(0),
};

impl Counters {
    /// Parts a thread's CPU time into that in the program and that in the kernel.
    pub(super) fn split(&self, total: u64) -> CpuTimes {
        split(total, self.system.load(Ordering::Relaxed), &self.shown)
    }

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
    let system = thread.counters.system.load(Ordering::Relaxed);
    ENDED_COUNTERS.system.fetch_add(system, Ordering::Relaxed);
    let [faults, waits, preemptions] = thread.counters.values();
    ENDED_COUNTERS.faults.fetch_add(faults, Ordering::Relaxed);
    ENDED_COUNTERS.waits.fetch_add(waits, Ordering::Relaxed);
    ENDED_COUNTERS
        .preemptions
        .fetch_add(preemptions, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_in_the_program_never_goes_back_and_the_sum_is_exact() {
        let shown = AtomicU64::new(0);
        let mut before = CpuTimes::default();
        // Samples come late and count for many, so they may be more than there was.
        for (total, sampled) in [(10, 0), (20, 17), (40, 17), (41, 51), (100, 51), (101, 51)] {
            let now = split(total, sampled, &shown);
            assert_eq!(now.user + now.system, total);
            assert!(
                now.user >= before.user && now.system >= before.system,
                "{before:?} {now:?}"
            );
            before = now;
        }
        assert_eq!(before, CpuTimes { user: 50, system: 51 });
    }
}
