//! Who waits at which futex: the bookkeeping alone, under one lock.

use crate::wait::Wake;
use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::sync::atomic::{AtomicU64, Ordering};

/// The place of a waiter that is in no queue; no futex is there, as it is not aligned.
const NOWHERE: u64 = u64::MAX;

/// One thread that waits.
pub(super) struct Waiter {
    pub(super) thread: Arc<dyn Wake>,
    bitset: u32,
    /// Realtime priority, 0 for the others.
    priority: u8,
    /// The address that it waits for now: a requeue changes it, a wake-up takes it away. Only [`Queues`] changes it.
    place: AtomicU64,
}

impl Waiter {
    /// A waiter whom wake-ups with one of these bits are for, in no queue yet.
    pub(super) fn new(thread: Arc<dyn Wake>, bitset: u32, priority: u8) -> Arc<Self> {
        Arc::new(Self {
            thread,
            bitset,
            priority,
            place: AtomicU64::new(NOWHERE),
        })
    }

    /// True when it was in a queue and somebody took it out to wake it.
    pub(super) fn is_woken(&self) -> bool {
        self.place.load(Ordering::Acquire) == NOWHERE
    }
}

/// The queues, by address: the highest realtime priority first, and of equal ones who came first.
pub(super) struct Queues(BTreeMap<u64, VecDeque<Arc<Waiter>>>);

impl Queues {
    pub(super) const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Puts a waiter behind those of its priority.
    pub(super) fn enter(&mut self, address: u64, waiter: Arc<Waiter>) {
        waiter.place.store(address, Ordering::Relaxed);
        let queue = self.0.entry(address).or_default();
        let at = queue.partition_point(|other| other.priority >= waiter.priority);
        queue.insert(at, waiter);
    }

    /// Takes a waiter out of whatever queue it is in by now; false if it was woken before.
    pub(super) fn leave(&mut self, waiter: &Arc<Waiter>) -> bool {
        let place = waiter.place.swap(NOWHERE, Ordering::Relaxed);
        let Some(queue) = self.0.get_mut(&place) else {
            return false;
        };
        queue.retain(|other| !Arc::ptr_eq(other, waiter));
        if queue.is_empty() {
            self.0.remove(&place);
        }
        true
    }

    /// Takes out the first `count` waiters whose bits meet `bitset`, for the caller to wake once the lock is free.
    pub(super) fn take(&mut self, address: u64, count: usize, bitset: u32) -> Vec<Arc<Waiter>> {
        let Some(queue) = self.0.get_mut(&address) else {
            return Vec::new();
        };
        let mut taken = Vec::new();
        queue.retain(|waiter| {
            let meant = taken.len() < count && waiter.bitset & bitset != 0;
            if meant {
                taken.push(waiter.clone());
            }
            !meant
        });
        if queue.is_empty() {
            self.0.remove(&address);
        }
        for waiter in &taken {
            waiter.place.store(NOWHERE, Ordering::Release);
        }
        taken
    }

    /// Moves the first `count` waiters of one queue to another; gives how many.
    pub(super) fn shift(&mut self, address: u64, target: u64, count: usize) -> usize {
        let Some(mut queue) = self.0.remove(&address) else {
            return 0;
        };
        let rest = queue.split_off(count.min(queue.len()));
        if !rest.is_empty() {
            self.0.insert(address, rest);
        }
        let moved = queue.len();
        for waiter in queue {
            self.enter(target, waiter);
        }
        moved
    }
}
