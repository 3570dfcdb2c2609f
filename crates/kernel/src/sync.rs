//! Mutual exclusion inside the kernel.
//!
//! On one vCPU, with a kernel that is not preempted, a [`Lock`] is always free when it is asked for; finding it taken
//! means that the same thread holds it already, which is a defect and panics instead of hanging. A guard must not live across anything
//! that blocks (`wait`, `sched`).

use core::{
    cell::UnsafeCell,
    fmt,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, Ordering},
};

/// A mutual exclusion lock around a value.
#[derive(Default)]
pub struct Lock<T: ?Sized> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached only through a guard, and `taken` lets only one guard exist at a time.
unsafe impl<T: ?Sized + Send> Sync for Lock<T> {}
// SAFETY: owning the lock is owning the value.
unsafe impl<T: ?Sized + Send> Send for Lock<T> {}

impl<T> Lock<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self {
            taken: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }
}

impl<T: ?Sized> Lock<T> {
    /// Takes the lock.
    ///
    /// # Panics
    ///
    /// If the lock is taken: the one thread that runs in the kernel took it and did not give it back.
    #[track_caller]
    pub fn lock(&self) -> Guard<'_, T> {
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
                std::thread::yield_now();
            },
        }
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        self.taken
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
            // Lazily: a guard that is made and dropped would give back a lock that another holds.
            .then(|| Guard { lock: self })
    }
}

impl<T: ?Sized> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}

/// Access to the value of a taken [`Lock`]; dropping it gives the lock back.
#[must_use]
#[derive(Debug)]
pub struct Guard<'a, T: ?Sized> {
    lock: &'a Lock<T>,
}

impl<T: ?Sized> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this guard is the only one (see `try_lock`).
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard is the only one (see `try_lock`), and it is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Guard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.lock.taken.store(false, Ordering::Release);
    }
}
