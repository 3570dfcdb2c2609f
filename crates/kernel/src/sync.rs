//! Mutual exclusion inside the kernel.
//!
//! On one vCPU, with a kernel that is not preempted, a [`Lock`] is always free when it is asked for; finding it taken
//! means that the same thread holds it already, which is a defect and panics instead of hanging. A guard must not live across anything
//! that blocks ([`wait`](crate::wait), `sched`); what has to is kept by a [`wait::Turn`](crate::wait::Turn), which sleeps.
//!
//! Each lock has a [rank], and locks are taken in the order of ranks. Host tests check that, and so do kernels that are built with debug assertions
//! (`cargo xtask test` runs the conformance programs on one): a lock out of order, or one that is held where others may run, panics with both
//! names. In the kernel that users get, ranks are types and nothing else.

use core::{
    cell::UnsafeCell,
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, Ordering},
};

#[cfg(any(test, all(feature = "elf", debug_assertions)))]
pub(crate) mod held;
pub mod rank;

use rank::{Leaf, Rank};

/// Panics, in a build that checks, if a lock is held: before anything that may let another thread run.
#[track_caller]
pub fn assert_none_held() {
    #[cfg(any(test, all(feature = "elf", debug_assertions)))]
    held::assert_none();
}

/// A mutual exclusion lock around a value.
pub struct Lock<T: ?Sized, R = Leaf> {
    taken: AtomicBool,
    rank: PhantomData<fn() -> R>,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, and `taken` lets only one guard exist at a time.
unsafe impl<T: ?Sized + Send, R> Sync for Lock<T, R> {}
// SAFETY: owning the lock is owning the value.
unsafe impl<T: ?Sized + Send, R> Send for Lock<T, R> {}

impl<T: Default, R> Default for Lock<T, R> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T, R> Lock<T, R> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self {
            taken: AtomicBool::new(false),
            rank: PhantomData,
            value: UnsafeCell::new(value),
        }
    }
}

impl<T: ?Sized, R: Rank> Lock<T, R> {
    /// Takes the lock.
    ///
    /// # Panics
    ///
    /// If the lock is taken: the one thread that runs in the kernel took it and did not give it back. In a build that checks, if a lock
    /// of the same rank or a later one is held.
    #[track_caller]
    pub fn lock(&self) -> Guard<'_, T, R> {
        #[cfg(any(test, all(feature = "elf", debug_assertions)))]
        held::check(R::LEVEL, R::NAME, core::any::type_name::<T>());
        // Here another processor may be faster.
        #[cfg(test)]
        crate::sched::stage::point();
        match self.try_lock() {
            Some(guard) => guard,
            #[cfg(not(test))]
            #[expect(
                clippy::panic,
                reason = "a self-deadlock is a defect of ours, and hanging would hide it"
            )]
            None => panic!("lock taken twice"),
            // Host tests run on many threads.
            #[cfg(test)]
            None => loop {
                if let Some(guard) = self.try_lock() {
                    return guard;
                }
                crate::sched::stage::point();
                std::thread::yield_now();
            },
        }
    }

    /// Takes the lock if it is free; as it waits for nobody, in any order.
    #[track_caller]
    pub fn try_lock(&self) -> Option<Guard<'_, T, R>> {
        if self
            .taken
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_err()
        {
            return None;
        }
        #[cfg(any(test, all(feature = "elf", debug_assertions)))]
        held::push(self.address(), R::LEVEL, R::NAME, core::any::type_name::<T>());
        Some(Guard { lock: self })
    }
}

impl<T: ?Sized, R> Lock<T, R> {
    /// What tells this lock from others while it is held.
    #[cfg(any(test, all(feature = "elf", debug_assertions)))]
    fn address(&self) -> usize {
        (&raw const self.taken).addr()
    }
}

impl<T: ?Sized, R> fmt::Debug for Lock<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

/// Access to the value of a taken [`Lock`]; dropping it gives the lock back.
#[must_use]
#[derive(Debug)]
pub struct Guard<'a, T: ?Sized, R = Leaf> {
    lock: &'a Lock<T, R>,
}

impl<T: ?Sized, R> Deref for Guard<'_, T, R> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one (see `try_lock`).
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized, R> DerefMut for Guard<'_, T, R> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one (see `try_lock`), and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized + fmt::Display, R> fmt::Display for Guard<'_, T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized, R> Drop for Guard<'_, T, R> {
    fn drop(&mut self) {
        #[cfg(any(test, all(feature = "elf", debug_assertions)))]
        held::pop(self.lock.address());
        self.lock.taken.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> Lock<u8, rank::Directory> {
        Lock::new(0)
    }

    #[test]
    fn locks_in_order_nest_and_are_given_back() {
        let (outer, inner) = (directory(), Lock::<u8>::new(0));
        for _ in 0..100 {
            let outer = outer.lock();
            let inner = inner.lock();
            // In the order of their taking, which is the unusual one.
            drop(outer);
            drop(inner);
        }
        assert_none_held();
    }

    #[test]
    #[should_panic(expected = "u8 (rank Directory) taken at")]
    fn a_lock_out_of_order_is_named() {
        let (outer, inner) = (directory(), Lock::<u32>::new(0));
        let _inner = inner.lock();
        let _outer = outer.lock();
    }

    #[test]
    #[should_panic(expected = "under u32 (rank Leaf, taken at")]
    fn and_so_is_the_one_that_is_held() {
        let (outer, inner) = (directory(), Lock::<u32>::new(0));
        let _inner = inner.lock();
        let _outer = outer.lock();
    }

    #[test]
    #[should_panic(expected = "lock order")]
    fn two_of_one_rank_are_out_of_order() {
        let (first, second) = (Lock::<u8>::new(0), Lock::<u8>::new(0));
        let _first = first.lock();
        let _second = second.lock();
    }

    #[test]
    fn who_tries_waits_for_nobody_so_any_order_will_do() {
        let (outer, inner) = (directory(), Lock::<u32>::new(0));
        let _inner = inner.lock();
        assert!(outer.try_lock().is_some());
    }

    #[test]
    #[should_panic(expected = "may let others run")]
    fn nothing_is_held_where_others_run() {
        let lock = Lock::<u8>::new(0);
        let _guard = lock.lock();
        assert_none_held();
    }
}
