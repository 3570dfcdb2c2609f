//! Looking for packets for a moment before the processor halts.
//!
//! Where packets follow each other closely, most of the time between them goes into halting, the interrupt and waking up: 45 to 58 us on the
//! pagetable host. Looking at the queue for as long costs no more, and mostly finds the next packet. It pays only then: so it is done only after a
//! packet was seen to come that soon, and the time halves with each look in vain. An idle guest never looks.

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
/// Not worth beginning.
const SHORTEST: Duration = Duration::from_micros(10);

struct Watch {
    /// How long the next look is.
    window: Duration,
    /// When there was nothing to do for the last time, if no packet came since.
    idle: Option<Instant>,
}

static WATCH: Lock<Watch> = Lock::new(Watch {
    window: Duration::ZERO,
    idle: None,
});

/// A packet's interrupt came: if the halt was short, the next one may be worth a look.
pub(super) fn woken() {
    let mut watch = WATCH.lock();
    if let Some(idle) = watch.idle.take()
        && time::now() < idle + LONGEST + WAKING
    {
        watch.window = LONGEST;
    }
}

/// Looks for packets as long as it is worth it; true if something is to be done.
pub(super) fn before_halt() -> bool {
    let (window, begin) = (WATCH.lock().window, time::now());
    let found = window >= SHORTEST && look(window);
    let mut watch = WATCH.lock();
    if found {
        watch.window = LONGEST;
    } else {
        watch.window = window / 2;
        watch.idle = Some(begin);
    }
    found
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
