//! Locks that know their owner: `FUTEX_LOCK_PI`, `FUTEX_TRYLOCK_PI`, `FUTEX_UNLOCK_PI` (`futex(2)`, "Priority-inheritance futexes").
//!
//! The word holds the owner's number, and says if others wait. Who waits stands in line here; giving the lock back gives it to the first in line, so that
//! nobody can take it in between. What is missing is the inheritance itself: an owner goes on with its own policy and nice value, whoever waits for it, so
//! realtime threads that share a lock with others may wait for a third one.
//!
//! The line's lock is held while the word changes, and a word that is not what it was is looked at again: both sides of a hand-over go through here.

use super::word;
use crate::{
    errno::{Errno, Result},
    sched::{self, Thread},
    sync::Lock,
    time::Instant,
    wait::{Interrupted, Wake, wait_until},
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use linux_raw_sys::general as raw;

struct Waiter {
    thread: Arc<Thread>,
    granted: AtomicBool,
}

/// Those who wait for one lock, and the owner for whom they wait.
struct Line {
    owner: i32,
    waiters: VecDeque<Arc<Waiter>>,
}

static LINES: Lock<BTreeMap<u64, Line>> = Lock::new(BTreeMap::new());

const fn owner(value: u32) -> i32 {
    (value & raw::FUTEX_TID_MASK) as i32
}

/// Replaces the word if it is still `from`.
fn replace(word: &AtomicU32, from: u32, to: u32) -> bool {
    word.compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
        .is_ok()
}

/// What came of an attempt.
enum Attempt {
    Taken,
    Queued(Arc<Waiter>),
}

/// Takes a lock that is free; else stands in line, unless `try_only`.
fn attempt(address: u64, try_only: bool) -> Result<Attempt> {
    let me = sched::current();
    let word = word(address, true)?;
    loop {
        let value = word.load(Ordering::SeqCst);
        let holder = owner(value);
        let exists = holder == 0 || sched::find(holder).is_some();
        let mut lines = LINES.lock();
        if holder == me.tid {
            return Err(Errno::EDEADLK);
        }
        if holder == 0 {
            // A former owner's death is kept for the new one to see.
            let waiting = value & raw::FUTEX_WAITERS;
            let taken = me.tid as u32 | value & raw::FUTEX_OWNER_DIED | waiting;
            if replace(word, value, taken) {
                if let Some(line) = lines.get_mut(&address) {
                    line.owner = me.tid;
                }
                return Ok(Attempt::Taken);
            }
            continue;
        }
        if !exists {
            return Err(Errno::ESRCH);
        }
        if try_only {
            return Err(Errno::EAGAIN);
        }
        if !replace(word, value, value | raw::FUTEX_WAITERS) {
            continue;
        }
        let waiter = Arc::new(Waiter {
            thread: me,
            granted: AtomicBool::new(false),
        });
        let line = lines.entry(address).or_insert_with(|| Line {
            owner: holder,
            waiters: VecDeque::new(),
        });
        line.waiters.push_back(waiter.clone());
        return Ok(Attempt::Queued(waiter));
    }
}

/// Waits for the lock and takes it.
///
/// # Errors
///
/// `EDEADLK` for the owner, `ESRCH` if the word names nobody, `ETIMEDOUT`, `ERESTARTNOINTR` when a signal came first.
pub(super) fn lock(address: u64, deadline: Option<Instant>) -> Result<usize> {
    let waiter = match attempt(address, false)? {
        Attempt::Taken => return Ok(0),
        Attempt::Queued(waiter) => waiter,
    };
    let result = wait_until(&[], deadline, || {
        waiter.granted.load(Ordering::Relaxed).then_some(())
    });
    let Err(reason) = result else { return Ok(0) };
    let mut lines = LINES.lock();
    if let Some(line) = lines.get_mut(&address) {
        line.waiters.retain(|other| !Arc::ptr_eq(other, &waiter));
        if line.waiters.is_empty() {
            lines.remove(&address);
        }
    }
    // Whoever gave the lock to this one counted on it.
    if waiter.granted.load(Ordering::Relaxed) {
        return Ok(0);
    }
    Err(match reason {
        Interrupted::TimedOut => Errno::ETIMEDOUT,
        Interrupted::Signal => Errno::ERESTARTNOINTR,
    })
}

/// Takes the lock if it is free.
///
/// # Errors
///
/// `EAGAIN` if another has it, and as [`lock`].
pub(super) fn try_lock(address: u64) -> Result<usize> {
    attempt(address, true).map(|_| 0)
}

/// Makes the first in line the owner, or nobody; whom to wake.
fn hand_over(
    lines: &mut BTreeMap<u64, Line>,
    address: u64,
    word: &AtomicU32,
    flags: u32,
) -> Option<Arc<Waiter>> {
    let next = lines.get_mut(&address).and_then(|line| {
        let next = line.waiters.pop_front()?;
        line.owner = next.thread.tid;
        Some(next)
    });
    let Some(next) = next else {
        lines.remove(&address);
        word.store(flags, Ordering::SeqCst);
        return None;
    };
    if lines.get(&address).is_some_and(|line| line.waiters.is_empty()) {
        lines.remove(&address);
    }
    // That others wait is said even of the last: it comes here to find out that nobody does, as in Linux.
    word.store(
        next.thread.tid as u32 | raw::FUTEX_WAITERS | flags,
        Ordering::SeqCst,
    );
    next.granted.store(true, Ordering::Relaxed);
    Some(next)
}

/// Gives the lock back, to the first in line if there is one.
///
/// # Errors
///
/// `EPERM` for who does not own it.
pub(super) fn unlock(address: u64) -> Result<usize> {
    let word = word(address, true)?;
    let next = {
        let mut lines = LINES.lock();
        if owner(word.load(Ordering::SeqCst)) != sched::current().tid {
            return Err(Errno::EPERM);
        }
        hand_over(&mut lines, address, word, 0)
    };
    if let Some(next) = next {
        next.thread.wake();
    }
    Ok(0)
}

/// Passes on what a thread that ends still owns and others wait for; they learn that its owner died.
pub(super) fn release_all(tid: i32) {
    let owned: Vec<u64> = LINES
        .lock()
        .iter()
        .filter(|(_, line)| line.owner == tid)
        .map(|(&address, _)| address)
        .collect();
    for address in owned {
        // A word that is gone with its memory leaves nobody a lock.
        let Ok(word) = word(address, true) else { continue };
        let next = {
            let mut lines = LINES.lock();
            match lines.get(&address) {
                Some(line) if line.owner == tid => {
                    hand_over(&mut lines, address, word, raw::FUTEX_OWNER_DIED)
                }
                _ => None,
            }
        };
        if let Some(next) = next {
            next.thread.wake();
        }
    }
}
