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

/// Armed timers by deadline; of equal ones the first armed is first.
struct Timers<T> {
    queue: BTreeMap<TimerId, T>,
    serial: u64,
}

impl<T> Timers<T> {
    const fn new() -> Self {
        Self {
            queue: BTreeMap::new(),
            serial: 0,
        }
    }

    fn arm(&mut self, deadline: Instant, waiter: T) -> TimerId {
        self.serial += 1;
        let id = TimerId(deadline, self.serial);
        self.queue.insert(id, waiter);
        id
    }

    fn cancel(&mut self, id: TimerId) -> Option<T> {
        self.queue.remove(&id)
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.queue.first_key_value().map(|(id, _)| id.0)
    }

    /// Takes out all whose deadline is not after `now`.
    fn take_due(&mut self, now: Instant) -> impl Iterator<Item = T> + use<T> {
        let later = match now.0.checked_add(1) {
            Some(after) => self.queue.split_off(&TimerId(Instant(after), 0)),
            None => BTreeMap::new(),
        };
        core::mem::replace(&mut self.queue, later).into_values()
    }
}

static TIMERS: Lock<Timers<Weak<dyn Wake>>> = Lock::new(Timers::new());

/// Wakes `waiter` once, at `deadline` or soon after, from kernel context. Does nothing when it was dropped before.
pub fn arm(deadline: Instant, waiter: &Arc<dyn Wake>) -> TimerId {
    TIMERS.lock().arm(deadline, Arc::downgrade(waiter))
}

/// Forgets a timer; does nothing when it has fired.
pub fn cancel(id: TimerId) {
    TIMERS.lock().cancel(id);
}

/// The earliest deadline.
pub fn next_deadline() -> Option<Instant> {
    TIMERS.lock().next_deadline()
}

/// Wakes all whose deadline is not after `now`.
pub fn expire(now: Instant) {
    let due: Vec<Weak<dyn Wake>> = TIMERS.lock().take_due(now).collect();
    for waiter in due.iter().filter_map(Weak::upgrade) {
        waiter.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Arm(u64),
        Cancel(usize),
        Pass(u64),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        // Few deadlines, so that many are equal, and the end of time among them.
        let deadline = prop_oneof![20 => 0u64..50, 1 => Just(u64::MAX), 1 => Just(u64::MAX - 1)];
        prop_oneof![
            3 => deadline.prop_map(Step::Arm),
            1 => (0usize..40).prop_map(Step::Cancel),
            1 => (0u64..20).prop_map(Step::Pass),
            1 => Just(Step::Pass(u64::MAX)),
        ]
    }

    proptest! {
        /// Each timer fires once, when it is due and not before, in the order of deadlines; cancelled ones never do.
        #[test]
        fn timers_are_as_a_sorted_list(steps in prop::collection::vec(any_step(), 1..80)) {
            let mut timers = Timers::new();
            let (mut ids, mut model, mut now) = (Vec::new(), Vec::<(u64, usize)>::new(), 0u64);
            for step in steps {
                match step {
                    Step::Arm(deadline) => {
                        model.push((deadline, ids.len()));
                        ids.push(timers.arm(Instant(deadline), ids.len()));
                    }
                    Step::Cancel(name) => {
                        let Some(&id) = ids.get(name) else { continue };
                        let there = model.iter().position(|timer| timer.1 == name);
                        prop_assert_eq!(timers.cancel(id), there.map(|at| model.remove(at).1));
                    }
                    Step::Pass(span) => {
                        now = now.saturating_add(span);
                        model.sort_unstable();
                        let due = model.partition_point(|timer| timer.0 <= now);
                        let expected: Vec<usize> = model.drain(..due).map(|timer| timer.1).collect();
                        prop_assert_eq!(timers.take_due(Instant(now)).collect::<Vec<_>>(), expected);
                    }
                }
                prop_assert_eq!(timers.next_deadline().map(|at| at.0), model.iter().map(|timer| timer.0).min());
            }
        }
    }
}
