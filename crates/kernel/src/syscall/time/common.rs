//! Clocks by number, and the conversions between their structures and nanoseconds.

use crate::{
    errno::{Errno, Result},
    event::schedule::Setting,
    sched::{self, CpuClock},
    time::{self, Instant},
};
use core::time::Duration;
use linux_raw_sys::general as raw;
use raw::{__kernel_itimerspec, __kernel_old_timeval, __kernel_timespec};

/// Nanoseconds of a second.
pub const SECOND: u64 = 1_000_000_000;

/// A clock that a program may name (`clock_getres(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Since the epoch.
    Realtime,
    /// Since boot; it never stops here, so `CLOCK_BOOTTIME` is the same.
    Monotonic,
    /// CPU time.
    Cpu(CpuClock),
}

impl Clock {
    /// Reads a `clockid_t`, those of `clock_getcpuclockid(3)` and `pthread_getcpuclockid(3)` included.
    ///
    /// # Errors
    ///
    /// `EINVAL`.
    pub fn from_id(id: i32) -> Result<Self> {
        if id < 0 {
            // `~number << 3`, with bit 2 for a thread and 2 for "scheduler's count" (Linux's `posix-timers_types.h`).
            let number = !(id >> 3);
            return match id & 7 {
                0..=2 if number == 0 || number == crate::process::PID => Ok(Self::Cpu(CpuClock::Process)),
                4..=6 if number == 0 => Ok(Self::Cpu(CpuClock::Thread(sched::current().tid))),
                4..=6 if sched::threads().iter().any(|thread| thread.tid == number) => {
                    Ok(Self::Cpu(CpuClock::Thread(number)))
                }
                _ => Err(Errno::EINVAL),
            };
        }
        match id as u32 {
            raw::CLOCK_REALTIME | raw::CLOCK_REALTIME_COARSE | raw::CLOCK_REALTIME_ALARM | raw::CLOCK_TAI => {
                Ok(Self::Realtime)
            }
            raw::CLOCK_MONOTONIC
            | raw::CLOCK_MONOTONIC_RAW
            | raw::CLOCK_MONOTONIC_COARSE
            | raw::CLOCK_BOOTTIME
            | raw::CLOCK_BOOTTIME_ALARM => Ok(Self::Monotonic),
            raw::CLOCK_PROCESS_CPUTIME_ID => Ok(Self::Cpu(CpuClock::Process)),
            raw::CLOCK_THREAD_CPUTIME_ID => Ok(Self::Cpu(CpuClock::Thread(sched::current().tid))),
            _ => Err(Errno::EINVAL),
        }
    }

    /// What it shows, in nanoseconds.
    #[must_use]
    pub fn now(self) -> u64 {
        match self {
            Self::Realtime => time::realtime(),
            Self::Monotonic => time::now().0,
            Self::Cpu(clock) => clock.now().unwrap_or(0),
        }
    }
}

/// The kernel's time for a time since the epoch.
#[must_use]
pub fn from_realtime(since_epoch: u64) -> Instant {
    // In this order, so that what passes in between makes a deadline later and not earlier.
    let wall = time::realtime();
    let now = time::now().0;
    if since_epoch >= wall {
        Instant(now.saturating_add(since_epoch - wall))
    } else {
        Instant(now.saturating_sub(wall - since_epoch))
    }
}

/// A deadline: `ns` from now, or `ns` on the clock itself.
#[must_use]
pub fn deadline(realtime: bool, absolute: bool, ns: u64) -> Instant {
    match (absolute, realtime) {
        (false, _) => time::now() + Duration::from_nanos(ns),
        (true, false) => Instant(ns),
        (true, true) => from_realtime(ns),
    }
}

/// Nanoseconds of a `timespec`.
///
/// # Errors
///
/// `EINVAL` if it is negative or its nanoseconds are no fraction.
pub fn nanoseconds(time: __kernel_timespec) -> Result<u64> {
    if time.tv_sec < 0 || !(0..SECOND as i64).contains(&time.tv_nsec) {
        return Err(Errno::EINVAL);
    }
    Ok((time.tv_sec as u64)
        .saturating_mul(SECOND)
        .saturating_add(time.tv_nsec as u64))
}

/// Nanoseconds of a `timeval`.
///
/// # Errors
///
/// `EINVAL` if it is negative or its microseconds are no fraction.
pub fn timeval_nanoseconds(time: __kernel_old_timeval) -> Result<u64> {
    nanoseconds(__kernel_timespec {
        tv_sec: time.tv_sec,
        tv_nsec: time.tv_usec.checked_mul(1000).ok_or(Errno::EINVAL)?,
    })
}

/// Nanoseconds as a `timespec`.
#[must_use]
pub const fn timespec(ns: u64) -> __kernel_timespec {
    __kernel_timespec {
        tv_sec: (ns / SECOND) as i64,
        tv_nsec: (ns % SECOND) as i64,
    }
}

/// Nanoseconds as a `timeval`, cut down to microseconds.
#[must_use]
pub const fn timeval(ns: u64) -> __kernel_old_timeval {
    __kernel_old_timeval {
        tv_sec: (ns / SECOND) as i64,
        tv_usec: (ns % SECOND / 1000) as i64,
    }
}

/// A timer's setting as an `itimerspec`.
#[must_use]
pub const fn itimerspec(setting: Setting) -> __kernel_itimerspec {
    __kernel_itimerspec {
        it_interval: timespec(setting.interval),
        it_value: timespec(setting.remaining),
    }
}

/// First expiration (`None` disarms; else what `deadline` makes of the value) and interval of an `itimerspec`.
///
/// # Errors
///
/// `EINVAL`, as for [`nanoseconds`].
pub fn from_itimerspec(
    new: __kernel_itimerspec,
    deadline: impl FnOnce(u64) -> Instant,
) -> Result<(Option<Instant>, u64)> {
    let (first, interval) = (nanoseconds(new.it_value)?, nanoseconds(new.it_interval)?);
    Ok(((first > 0).then(|| deadline(first)), interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_are_none_are_refused() {
        let bad = [(-1, 0), (0, -1), (0, SECOND as i64)];
        for (tv_sec, tv_nsec) in bad {
            assert_eq!(
                nanoseconds(__kernel_timespec { tv_sec, tv_nsec }),
                Err(Errno::EINVAL)
            );
        }
        assert_eq!(
            nanoseconds(__kernel_timespec {
                tv_sec: i64::MAX,
                tv_nsec: 5
            }),
            Ok(u64::MAX)
        );
        assert_eq!(
            timeval_nanoseconds(__kernel_old_timeval {
                tv_sec: 2,
                tv_usec: 3
            }),
            Ok(2_000_003_000)
        );
        assert_eq!(
            timeval_nanoseconds(__kernel_old_timeval {
                tv_sec: 2,
                tv_usec: 1_000_000
            }),
            Err(Errno::EINVAL)
        );
    }

    #[test]
    fn clocks_by_number() {
        let process = -1i32 << 3 | 2;
        assert_eq!(Clock::from_id(process), Ok(Clock::Cpu(CpuClock::Process)));
        assert_eq!(Clock::from_id(!1 << 3 | 2), Ok(Clock::Cpu(CpuClock::Process)));
        assert_eq!(Clock::from_id(!99 << 3 | 2), Err(Errno::EINVAL));
        assert_eq!(Clock::from_id(raw::CLOCK_BOOTTIME as i32), Ok(Clock::Monotonic));
        assert_eq!(Clock::from_id(10), Err(Errno::EINVAL));
        assert_eq!(Clock::from_id(i32::MAX), Err(Errno::EINVAL));
    }

    #[test]
    fn a_moment_of_the_epoch_is_found_on_the_kernels_clock() {
        let in_an_hour = from_realtime(time::realtime() + 3600 * SECOND).0 - time::now().0;
        assert!(in_an_hour.abs_diff(3600 * SECOND) < SECOND, "{in_an_hour}");
        assert!(from_realtime(0) <= time::now());
    }
}
