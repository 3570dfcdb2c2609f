//! The queue of timers: who is to be woken when.

use super::Instant;
use crate::{sync::Lock, wait::Wake};
use alloc::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    vec::Vec,
};

/// An armed timer, to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(Instant, u64);

struct Timers {
    queue: BTreeMap<TimerId, Weak<dyn Wake>>,
    serial: u64,
}

static TIMERS: Lock<Timers> = Lock::new(Timers {
    queue: BTreeMap::new(),
    serial: 0,
});

/// Wakes `waiter` once, at `deadline` or soon after, from kernel context. Does nothing when it was dropped before.
pub fn arm(deadline: Instant, waiter: &Arc<dyn Wake>) -> TimerId {
    let mut timers = TIMERS.lock();
    timers.serial += 1;
    let id = TimerId(deadline, timers.serial);
    timers.queue.insert(id, Arc::downgrade(waiter));
    id
}

/// Forgets a timer; does nothing when it has fired.
pub fn cancel(id: TimerId) {
    TIMERS.lock().queue.remove(&id);
}

/// The earliest deadline.
pub fn next_deadline() -> Option<Instant> {
    TIMERS.lock().queue.first_key_value().map(|(id, _)| id.0)
}

/// Wakes all whose deadline is not after `now`.
pub fn expire(now: Instant) {
    let due: Vec<Weak<dyn Wake>> = {
        let mut timers = TIMERS.lock();
        let later = timers
            .queue
            .split_off(&TimerId(Instant(now.0.saturating_add(1)), 0));
        core::mem::replace(&mut timers.queue, later)
            .into_values()
            .collect()
    };
    for waiter in due.iter().filter_map(Weak::upgrade) {
        waiter.wake();
    }
}
