//! Clocks and timers.
//!
//! Kernel time is an [`Instant`]: nanoseconds of `CLOCK_MONOTONIC`, zero at boot. The interrupt timer is armed for the earliest of the timers here
//! and of the scheduler's slice; with neither, it is off (tickless).

pub mod clock;
mod timers;

pub use clock::{now, realtime};
pub use timers::{TimerId, arm, cancel, expire, next_deadline};

use core::{ops::Add, time::Duration};

/// A point of `CLOCK_MONOTONIC` in nanoseconds since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Instant(pub u64);

impl Instant {
    /// Time from `earlier` until this, zero if it is the other way round.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)),
        )
    }
}
