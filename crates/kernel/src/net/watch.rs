//! Looking for packets for a moment before the processor halts.
//!
//! Where packets follow each other closely, most of the time between them goes into halting, the interrupt and waking up: 45 to 58 us on the
//! pagetable host. Looking at the queue for as long costs no more, and mostly finds the next packet. It pays only then: so it is done only after a
//! packet was seen to come that soon, and the time halves with each look in vain. An idle guest never looks.
//!
//! Where the monitor's device thread shares our core, a look keeps that from bringing the very packet: it comes as soon as we halt. So after [`PATIENCE`] looks
//! in a row that ended so, each one more has more of the next left out, up to a sixty-fourth; the first that ends otherwise makes up for all. A look in vain on a core of
//! our own does not count: it costs nobody anything.

use super::{interrupt, with_device};
use crate::{
    arch::interrupt::is_pending,
    sync::Lock,
    time::{self, Instant},
};
use core::time::Duration;

/// The longest look, about what a halt and an interrupt cost.
const LONGEST: Duration = Duration::from_micros(50);
/// What of a halt is waking up, and not waiting.
const WAKING: Duration = Duration::from_micros(50);
/// A packet that interrupts so soon after a halt was there before.
const AT_ONCE: Duration = Duration::from_micros(60);
/// So many looks that kept a packet away, one after another, have no consequences.
const PATIENCE: u8 = 10;
/// Each one more doubles what is left out, so often.
const DOUBLINGS: u8 = 6;
/// Not worth beginning.
const SHORTEST: Duration = Duration::from_micros(10);

struct Watch {
    /// How long the next look is.
    window: Duration,
    /// Looks to be left out before the next.
    left_out: u8,
    /// Looks that kept a packet away, since the last that did not.
    in_the_way: u8,
    /// When the processor was about to halt after a look in vain.
    halted: Option<Instant>,
    /// When there was nothing to do for the last time, if no packet came since.
    idle: Option<Instant>,
}

static WATCH: Lock<Watch> = Lock::new(Watch {
    window: Duration::ZERO,
    left_out: 0,
    in_the_way: 0,
    halted: None,
    idle: None,
});

/// A packet's interrupt came: if the halt was short, the next one may be worth a look.
pub(super) fn woken() {
    let mut watch = WATCH.lock();
    let now = time::now();
    if let Some(halted) = watch.halted.take() {
        watch.judge(now < halted + AT_ONCE);
    }
    if let Some(idle) = watch.idle.take()
        && now < idle + LONGEST + WAKING
    {
        watch.window = LONGEST;
    }
}

/// Looks for packets as long as it is worth it; true if something is to be done.
pub(super) fn before_halt() -> bool {
    let begin = time::now();
    let window = WATCH.lock().window_of_next();
    let found = window.is_some_and(look);
    let mut watch = WATCH.lock();
    watch.note(found);
    if !found {
        watch.idle = Some(begin);
        watch.halted = window.map(|_| time::now());
    }
    found
}

impl Watch {
    /// How long to look now, if at all.
    fn window_of_next(&mut self) -> Option<Duration> {
        if self.window < SHORTEST {
            return None;
        }
        if self.left_out > 0 {
            self.left_out -= 1;
            return None;
        }
        Some(self.window)
    }

    /// What became of it.
    fn note(&mut self, found: bool) {
        self.halted = None;
        if found {
            self.window = LONGEST;
            self.in_the_way = 0;
        } else {
            self.window /= 2;
        }
    }

    /// The packet of a look in vain came; `at_once` if the look kept it away.
    fn judge(&mut self, at_once: bool) {
        self.in_the_way = if at_once {
            (self.in_the_way + 1).min(PATIENCE + DOUBLINGS)
        } else {
            0
        };
        self.left_out = (1 << self.in_the_way.saturating_sub(PATIENCE)) - 1;
    }
}

fn look(window: Duration) -> bool {
    let begin = time::now();
    let end = time::next_deadline().map_or(begin + window, |deadline| deadline.min(begin + window));
    with_device(|device| device.set_receive_interrupts(false));
    loop {
        if with_device(|device| device.has_received()) {
            interrupt();
            return true;
        }
        if is_pending() || time::now() >= end {
            break;
        }
        core::hint::spin_loop();
    }
    if with_device(|device| device.set_receive_interrupts(true)) {
        interrupt();
        return true;
    }
    is_pending()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, PartialEq)]
    enum End {
        Found,
        AtOnce,
        Later,
    }

    /// Looks out of `rounds` chances, each after a short halt, where a look ends as `end` says.
    fn looks(rounds: u32, end: impl Fn(u32) -> End) -> u32 {
        let mut watch = Watch {
            window: Duration::ZERO,
            left_out: 0,
            in_the_way: 0,
            halted: None,
            idle: None,
        };
        let mut count = 0;
        for round in 0..rounds {
            watch.window = LONGEST;
            let looked = watch.window_of_next().is_some();
            count += u32::from(looked);
            watch.note(looked && end(round) == End::Found);
            if looked && end(round) != End::Found {
                watch.judge(end(round) == End::AtOnce);
            }
        }
        count
    }

    #[test]
    fn only_looks_that_keep_packets_away_become_rare() {
        assert!(looks(10_000, |_| End::AtOnce) < 10_000 / 64 + 24);
        assert_eq!(looks(10_000, |_| End::Found), 10_000);
        assert_eq!(looks(10_000, |_| End::Later), 10_000);
        // They are in the way no longer: found out within the time that is left out.
        for other in [End::Found, End::Later] {
            let late = looks(10_000, |round| if round < 5_000 { End::AtOnce } else { other });
            assert!(late > 4_900, "{late}");
        }
    }
}
