//! When a timer expires, once or every so often: the arithmetic that all interval timers share.

use crate::time::Instant;

/// What a timer shows: time to the next expiration and the period, both in nanoseconds, 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Nanoseconds until the next expiration; 0 when disarmed.
    pub remaining: u64,
    /// Period in nanoseconds; 0 for a timer that expires once.
    pub interval: u64,
}

/// The expirations of one timer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The next expiration; `None` when disarmed.
    pub next: Option<Instant>,
    /// Period in nanoseconds; 0 for once.
    pub interval: u64,
}

impl Schedule {
    /// Moves on to the first expiration after `now`; gives how many have passed.
    pub fn catch_up(&mut self, now: Instant) -> u64 {
        let Some(next) = self.next.filter(|&next| next <= now) else {
            return 0;
        };
        let periods = (now.0 - next.0)
            .checked_div(self.interval)
            .map_or(1, |whole| whole + 1);
        let following = next.0.saturating_add(periods.saturating_mul(self.interval));
        self.next = (self.interval > 0).then_some(Instant(following));
        periods
    }

    /// What the timer shows at `now`. An expiration that is due but not served shows as 1 ns.
    #[must_use]
    pub fn setting(&self, now: Instant) -> Setting {
        let remaining = self.next.map_or(0, |next| next.0.saturating_sub(now.0).max(1));
        Setting {
            remaining,
            interval: self.interval,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_shot_expires_once() {
        let mut timer = Schedule {
            next: Some(Instant(100)),
            interval: 0,
        };
        assert_eq!([99, 100, 5000].map(|now| timer.catch_up(Instant(now))), [0, 1, 0]);
        assert_eq!(timer, Schedule::default());
    }

    #[test]
    fn missed_periods_are_counted() {
        let mut timer = Schedule {
            next: Some(Instant(100)),
            interval: 10,
        };
        assert_eq!(
            (timer.catch_up(Instant(100)), timer.next),
            (1, Some(Instant(110)))
        );
        assert_eq!(
            (timer.catch_up(Instant(139)), timer.next),
            (3, Some(Instant(140)))
        );
        assert_eq!(
            timer.setting(Instant(135)),
            Setting {
                remaining: 5,
                interval: 10
            }
        );
    }

    #[test]
    fn the_end_of_time_is_not_passed() {
        let mut timer = Schedule {
            next: Some(Instant(1)),
            interval: u64::MAX,
        };
        assert_eq!(
            (timer.catch_up(Instant(2)), timer.next),
            (1, Some(Instant(u64::MAX)))
        );
    }
}
