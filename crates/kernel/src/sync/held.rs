//! Which locks are held, in builds that check the order: host tests, and kernels with debug assertions.

use core::panic::Location;

/// One lock that is held.
#[derive(Clone, Copy)]
struct Held {
    address: usize,
    level: u8,
    rank: &'static str,
    what: &'static str,
    at: &'static Location<'static>,
}

/// The locks that one processor holds (on the host: one thread), in no order.
#[derive(Debug)]
pub(crate) struct Stack([Option<Held>; 8]);

impl core::fmt::Debug for Held {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} (rank {}, taken at {})", self.what, self.rank, self.at)
    }
}

impl Stack {
    pub(crate) const fn new() -> Self {
        Self([None; 8])
    }
}

#[cfg(test)]
fn with<R>(f: impl FnOnce(&mut Stack) -> R) -> R {
    std::thread_local! {
        static STACK: core::cell::RefCell<Stack> = const { core::cell::RefCell::new(Stack::new()) };
    }
    STACK.with_borrow_mut(f)
}

#[cfg(not(test))]
use crate::arch::percpu::with_held as with;

/// Panics if a lock of that rank may not be taken now.
#[track_caller]
pub(super) fn check(level: u8, rank: &str, what: &str) {
    let at = Location::caller();
    let outer = with(|stack| {
        let held = stack.0.iter().flatten();
        held.copied().find(|held| held.level >= level)
    });
    if let Some(outer) = outer {
        fail(format_args!(
            "lock order: {what} (rank {rank}) taken at {at} under {outer:?}; see sync::rank"
        ));
    }
}

/// Notes that a lock was taken.
#[track_caller]
pub(super) fn push(address: usize, level: u8, rank: &'static str, what: &'static str) {
    let held = Held {
        address,
        level,
        rank,
        what,
        at: Location::caller(),
    };
    let noted = with(|stack| {
        let slot = stack.0.iter_mut().find(|slot| slot.is_none());
        slot.map(|slot| *slot = Some(held)).is_some()
    });
    if !noted {
        fail(format_args!("{what} is one lock too many to hold at once"));
    }
}

/// Notes that a lock was given back.
pub(super) fn pop(address: usize) {
    with(|stack| {
        let mut slots = stack.0.iter_mut();
        if let Some(slot) = slots.find(|slot| slot.is_some_and(|held| held.address == address)) {
            *slot = None;
        }
    });
}

/// Panics if any lock is held.
#[track_caller]
pub(super) fn assert_none() {
    let at = Location::caller();
    if let Some(held) = with(|stack| stack.0.iter().flatten().next().copied()) {
        fail(format_args!("{at} may let others run, and {held:?} is held"));
    }
}

#[expect(
    clippy::panic,
    reason = "only in builds that check, where a wrong order is what is looked for"
)]
fn fail(what: core::fmt::Arguments<'_>) -> ! {
    panic!("{what}")
}
