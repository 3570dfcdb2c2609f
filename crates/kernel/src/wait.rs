//! Waiting for something to become true.
//!
//! A [`WaitQueue`] belongs to what can change (a socket, a pipe, a timer). Whoever is interested registers a [`Wake`]:
//! a thread that sleeps in [`wait_until`], or an epoll item that passes the news on. A queue only says "look again"; the truth is always asked of
//! the thing itself, so a wake-up too many is harmless and a condition is never lost: registration comes before the look.

use crate::{errno::Errno, sched, sync::Lock, time::Instant};
use alloc::{
    sync::{Arc, Weak},
    vec::Vec,
};
use core::sync::atomic::{AtomicBool, Ordering};

/// Somebody who wants to look again.
pub trait Wake: Send + Sync {
    /// Called from kernel context, with no lock of the queue held; must not block.
    fn wake(&self);
}

/// Those who wait for one thing to change.
#[derive(Default)]
pub struct WaitQueue {
    waiters: Lock<Vec<Weak<dyn Wake>>>,
}

impl core::fmt::Debug for WaitQueue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WaitQueue")
    }
}

impl WaitQueue {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            waiters: Lock::new(Vec::new()),
        }
    }

    /// Adds a waiter; it stays until it is [removed](Self::remove) or dropped.
    pub fn add(&self, waiter: &Arc<dyn Wake>) {
        self.waiters.lock().push(Arc::downgrade(waiter));
    }

    /// Takes one registration of that waiter away again.
    pub fn remove(&self, waiter: &Arc<dyn Wake>) {
        let mut waiters = self.waiters.lock();
        if let Some(index) = waiters
            .iter()
            .position(|w| core::ptr::addr_eq(w.as_ptr(), Arc::as_ptr(waiter)))
        {
            waiters.swap_remove(index);
        }
    }

    /// Tells everybody to look again. Cheap when nobody waits.
    pub fn wake_all(&self) {
        let woken: Vec<Arc<dyn Wake>> = {
            let mut waiters = self.waiters.lock();
            if waiters.is_empty() {
                return;
            }
            waiters.retain(|w| w.strong_count() > 0);
            waiters.iter().filter_map(Weak::upgrade).collect()
        };
        for waiter in woken {
            waiter.wake();
        }
    }
}

/// Mutual exclusion over something that sleeps, such as a read from disk at a file's position. Signals do not end the wait for it, as those who
/// have it are soon done: it must not be kept over a wait for the program or the network.
#[derive(Debug, Default)]
pub struct Turn {
    taken: AtomicBool,
    queue: WaitQueue,
}

impl Turn {
    /// Nobody's turn yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            taken: AtomicBool::new(false),
            queue: WaitQueue::new(),
        }
    }

    /// Sleeps until it is the caller's turn, which lasts until the answer is dropped.
    pub fn take(&self) -> TurnGuard<'_> {
        wait_for(&self.queue, || !self.taken.swap(true, Ordering::Acquire));
        TurnGuard(self)
    }

    /// Takes the turn if nobody has it.
    pub fn try_take(&self) -> Option<TurnGuard<'_>> {
        (!self.taken.swap(true, Ordering::Acquire)).then_some(TurnGuard(self))
    }
}

/// The caller's turn; dropping it ends it.
#[must_use]
#[derive(Debug)]
pub struct TurnGuard<'a>(&'a Turn);

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
        self.0.queue.wake_all();
    }
}

/// Blocks the current thread until `ready`, whatever signals come: for waits that are short or must not be left, as when a device writes into the
/// caller's memory.
pub fn wait_for(queue: &WaitQueue, mut ready: impl FnMut() -> bool) {
    if ready() {
        return;
    }
    let me: Arc<dyn Wake> = sched::current();
    queue.add(&me);
    while !ready() {
        sched::block(None);
    }
    queue.remove(&me);
}

/// Why waiting ended without the condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// The deadline passed.
    TimedOut,
    /// A signal for this thread is pending; the handler answers `ERESTARTSYS` or `ERESTARTNOHAND`.
    Signal,
}

impl Interrupted {
    /// The usual translation for reads, writes and accepts: `EAGAIN` on time-out (`SO_RCVTIMEO`, `socket(7)`), restart on a signal.
    #[must_use]
    pub const fn errno(self) -> Errno {
        match self {
            Self::TimedOut => Errno::EAGAIN,
            Self::Signal => Errno::ERESTARTSYS,
        }
    }

    /// As [`errno`](Self::errno); a call with a time-out of its socket's is never made again (`signal(7)`).
    #[must_use]
    pub const fn errno_if(self, limited: bool) -> Errno {
        match self {
            Self::Signal if limited => Errno::EINTR,
            other => other.errno(),
        }
    }
}

/// Blocks the current thread until `ready` gives a value; `ready` is asked at once, and again after each wake-up of any of `queues`.
///
/// # Errors
///
/// The deadline passed, or a signal became pending; `ready` was asked once more before either is reported.
pub fn wait_until<T>(
    queues: &[&WaitQueue],
    deadline: Option<Instant>,
    mut ready: impl FnMut() -> Option<T>,
) -> Result<T, Interrupted> {
    if let Some(value) = ready() {
        return Ok(value);
    }
    let me: Arc<dyn Wake> = sched::current();
    for queue in queues {
        queue.add(&me);
    }
    let result = loop {
        if let Some(value) = ready() {
            break Ok(value);
        }
        if deadline.is_some_and(|deadline| deadline <= crate::time::now()) {
            break Err(Interrupted::TimedOut);
        }
        if sched::current().signal_pending() {
            break Err(Interrupted::Signal);
        }
        sched::block(deadline);
    };
    for queue in queues {
        queue.remove(&me);
    }
    result
}
