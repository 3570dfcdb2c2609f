//! Locks that know their owner: `FUTEX_LOCK_PI`, `FUTEX_TRYLOCK_PI`, `FUTEX_UNLOCK_PI` (`futex(2)`, "Priority-inheritance futexes").
//!
//! The word holds the owner's number, and says if others wait. Who waits stands in line here; giving the lock back gives it to the first in line, so that
//! nobody can take it in between. An owner runs with the highest realtime priority of those who wait for it, and so does the one that it waits for itself
//! ([`inherit`]): no third thread of a priority in between keeps them waiting. Fair threads lend nothing, as in Linux.
//!
//! The line's lock is held while the word changes, and a word that is not what it was is looked at again: both sides of a hand-over go through here.

use super::word;
use crate::{
    errno::{Errno, Result},
    sched::{self, Thread},
    sync::{Lock, rank},
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

type Lines = BTreeMap<u64, Line>;

static LINES: Lock<Lines, rank::Inheritance> = Lock::new(Lines::new());

/// Longest chain of owners who wait for owners that is followed (Linux's `max_lock_depth`): a program may have made a circle.
const CHAIN_LIMIT: usize = 1024;

/// Gives the thread with that number the highest priority of those who wait for it, and so on along the chain of whom it waits for, as far as something changes.
fn inherit(lines: &Lines, mut tid: i32) {
    for _ in 0..CHAIN_LIMIT {
        let Some(thread) = sched::find(tid) else { return };
        let owned = lines.values().filter(|line| line.owner == tid);
        let waiting = owned.flat_map(|line| &line.waiters);
        let highest = waiting.map(|waiter| waiter.thread.effective().priority).max();
        let boost = highest.unwrap_or(0);
        if boost == thread.boost() {
            return;
        }
        sched::set_boost(&thread, boost);
        let waits = |line: &&Line| line.waiters.iter().any(|waiter| waiter.thread.tid == tid);
        match lines.values().find(waits) {
            Some(line) => tid = line.owner,
            None => return,
        }
    }
}

/// The highest priority of those who wait for one lock.
#[cfg(test)]
pub(super) fn highest_waiting(address: u64) -> u8 {
    let lines = LINES.lock();
    let waiters = lines.get(&address).map(|line| &line.waiters);
    let priorities = waiters
        .into_iter()
        .flatten()
        .map(|waiter| waiter.thread.effective().priority);
    priorities.max().unwrap_or(0)
}

/// The priority of a thread changed: so may that of whom it waits for.
pub(super) fn priority_changed(tid: i32) {
    let lines = LINES.lock();
    let waits = |line: &&Line| line.waiters.iter().any(|waiter| waiter.thread.tid == tid);
    if let Some(line) = lines.values().find(waits) {
        inherit(&lines, line.owner);
    }
}

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
                    inherit(&lines, me.tid);
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
        inherit(&lines, holder);
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
        let owner = line.owner;
        if line.waiters.is_empty() {
            lines.remove(&address);
        }
        inherit(&lines, owner);
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

/// The first in line: the one of the highest priority, and of equal ones who came first.
fn first(line: &mut Line) -> Option<Arc<Waiter>> {
    let priority = |waiter: &Arc<Waiter>| waiter.thread.effective().priority;
    let highest = line.waiters.iter().map(priority).max()?;
    let at = line
        .waiters
        .iter()
        .position(|waiter| priority(waiter) == highest)?;
    line.waiters.remove(at)
}

/// Makes the first in line the owner, or nobody; whom to wake. Who owned it keeps only what others lend it.
fn hand_over(lines: &mut Lines, address: u64, word: &AtomicU32, flags: u32) -> Option<Arc<Waiter>> {
    let mut before = None;
    let next = lines.get_mut(&address).and_then(|line| {
        let next = first(line)?;
        before = Some(core::mem::replace(&mut line.owner, next.thread.tid));
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
    inherit(lines, next.thread.tid);
    if let Some(before) = before {
        inherit(lines, before);
    }
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
