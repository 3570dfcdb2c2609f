//! A circuit breaker: an instance that is down is left alone, and tried again by one call at a time.
//!
//! ```text
//!  closed --[3 failures in a row]--> open --[pause over, one call]--> trying --success--> closed
//!                                     ^------------failure, the pause doubles------+
//! ```

use std::time::{Duration, Instant};

/// Failures in a row that open the circuit.
const FAILURES: u32 = 3;
/// Pauses, from the first to the longest.
const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);

/// The circuit of one instance. Time is given by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    pause: Duration,
    /// When the next call may be made; none while it is closed.
    until: Option<Instant>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            failures: 0,
            pause: FIRST,
            until: None,
        }
    }
}

impl Breaker {
    /// Whether a call may be made now.
    #[must_use]
    pub fn allows(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// Whether nothing is held against the instance.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.until.is_none()
    }

    /// A call begins. On an open circuit it is the only one until its end or until the pause is over again.
    pub fn begin(&mut self, now: Instant) {
        if self.until.is_some() {
            self.until = Some(now + self.pause);
        }
    }

    /// A call went well.
    pub fn success(&mut self) {
        *self = Self::default();
    }

    /// A call failed. `gone` means that nobody listens there: then one failure is enough.
    pub fn failure(&mut self, gone: bool, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.until.is_some() {
            self.pause = (self.pause * 2).min(LONGEST);
        }
        if self.until.is_some() || gone || self.failures >= FAILURES {
            self.until = Some(now + self.pause);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_after_a_success() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        breaker.failure(false, now);
        breaker.failure(false, now);
        breaker.success();
        breaker.failure(false, now);
        breaker.failure(false, now);
        assert!(breaker.allows(now));
        breaker.failure(false, now);
        assert!(!breaker.allows(now));
        assert!(breaker.allows(now + FIRST));
        breaker.success();
        assert!(breaker.is_closed() && breaker.allows(now));
    }

    #[test]
    fn one_call_at_a_time_tries_it() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        breaker.failure(true, now);
        assert!(!breaker.allows(now));
        let then = now + FIRST;
        assert!(breaker.allows(then));
        breaker.begin(then);
        assert!(!breaker.allows(then), "another call is trying");
        breaker.failure(true, then);
        assert!(!breaker.allows(then + FIRST), "the pause has doubled");
        assert!(breaker.allows(then + 2 * FIRST));
    }

    #[test]
    fn pauses_are_bounded() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..1000 {
            breaker.failure(true, now);
        }
        assert!(breaker.allows(now + LONGEST));
    }
}
