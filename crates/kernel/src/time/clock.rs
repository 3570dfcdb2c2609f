//! The clock source: the TSC, scaled.
//!
//! Constants are set once at boot and only read afterwards, so that the vDSO's functions read the same without a lock.

use super::Instant;
use core::sync::atomic::{AtomicU64, Ordering};

static BASE_TSC: AtomicU64 = AtomicU64::new(0);
/// Nanoseconds for each tick, times 2^32.
static SCALE: AtomicU64 = AtomicU64::new(1 << 32);
/// `CLOCK_REALTIME` at boot.
static BOOT_REALTIME: AtomicU64 = AtomicU64::new(0);

/// Sets the clock going at zero: the frequency of the TSC in Hz, and the time of day in nanoseconds since the epoch.
pub fn start(tsc_hz: u64, realtime: u64) {
    let scale = (1_000_000_000u128 << 32) / u128::from(tsc_hz.max(1));
    SCALE.store(scale as u64, Ordering::Relaxed);
    BOOT_REALTIME.store(realtime, Ordering::Relaxed);
    BASE_TSC.store(crate::arch::cpu::rdtsc(), Ordering::Relaxed);
}

/// The frequency of the TSC in Hz, as far as the scale tells.
#[must_use]
pub fn frequency() -> u64 {
    let scale = SCALE.load(Ordering::Relaxed).max(1);
    ((1_000_000_000u128 << 32) / u128::from(scale)) as u64
}

/// Nanoseconds since boot (`CLOCK_MONOTONIC`).
#[must_use]
pub fn now() -> Instant {
    #[cfg(test)]
    if let Some(now) = crate::sched::stage::now() {
        return now;
    }
    let ticks = crate::arch::cpu::rdtsc().wrapping_sub(BASE_TSC.load(Ordering::Relaxed));
    Instant(((u128::from(ticks) * u128::from(SCALE.load(Ordering::Relaxed))) >> 32) as u64)
}

/// Nanoseconds since the epoch (`CLOCK_REALTIME`).
#[must_use]
pub fn realtime() -> u64 {
    BOOT_REALTIME.load(Ordering::Relaxed) + now().0
}
