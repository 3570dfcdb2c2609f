//! `futex(2)`.
//!
//! No wake-up is lost, whoever runs when: a waiter first enters the queue and then looks at the word, and a waker first changes the word and then
//! looks at the queue. A waiter that leaves by itself (time, signal, another value) and finds that it was taken out meanwhile was woken, as the wake-up
//! was counted as its.

use crate::{
    errno::{Errno, Result},
    sched,
    sync::{Lock, rank},
    syscall::Args,
    time::{self, Instant},
    user::UserPtr,
    wait::{Interrupted, wait_until},
};
use alloc::{sync::Arc, vec::Vec};
use core::sync::atomic::{AtomicU32, Ordering};
use linux_raw_sys::general as raw;
use queue::{Queues, Waiter};

mod pi;
mod queue;

static QUEUES: Lock<Queues, rank::Futexes> = Lock::new(Queues::new());

/// Waits, wakes, requeues.
pub(super) fn futex(args: &Args) -> Result<usize> {
    let (address, operation, value) = (args.0[0], args.uint(1), args.uint(2));
    let (second, third) = (args.0[4], args.uint(5));
    if !address.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    let realtime = operation & raw::FUTEX_CLOCK_REALTIME != 0;
    // Of a futex that other processes could share Linux asks the memory behind it, even to wake; of a private one only the address.
    let known = |address: u64| match operation & raw::FUTEX_PRIVATE_FLAG {
        0 => word(address, false).map(|_| ()),
        _ if is_foreign(address) => Err(Errno::EFAULT),
        _ => Ok(()),
    };
    match operation & raw::FUTEX_CMD_MASK as u32 {
        raw::FUTEX_WAIT => wait(address, value, u32::MAX, relative(args.ptr(3))?),
        raw::FUTEX_WAIT_BITSET => wait(address, value, third, absolute(args.ptr(3), realtime)?),
        raw::FUTEX_WAKE_BITSET if third == 0 => Err(Errno::EINVAL),
        raw::FUTEX_WAKE | raw::FUTEX_WAKE_BITSET => {
            known(address)?;
            let bitset = match operation & raw::FUTEX_CMD_MASK as u32 {
                raw::FUTEX_WAKE => u32::MAX,
                _ => third,
            };
            Ok(wake(address, value as usize, bitset))
        }
        raw::FUTEX_REQUEUE | raw::FUTEX_CMP_REQUEUE => {
            let (wake_count, move_count) = (value as i32, args.int(3));
            if wake_count < 0 || move_count < 0 || !second.is_multiple_of(4) {
                return Err(Errno::EINVAL);
            }
            known(address)?;
            known(second)?;
            let compares = operation & raw::FUTEX_CMD_MASK as u32 == raw::FUTEX_CMP_REQUEUE;
            let expected = if compares {
                Some((word(address, false)?, third))
            } else {
                None
            };
            requeue(
                address,
                second,
                wake_count as usize,
                move_count as usize,
                expected,
            )
        }
        raw::FUTEX_LOCK_PI => pi::lock(address, absolute(args.ptr(3), true)?),
        raw::FUTEX_LOCK_PI2 => pi::lock(address, absolute(args.ptr(3), realtime)?),
        raw::FUTEX_TRYLOCK_PI => pi::try_lock(address),
        raw::FUTEX_UNLOCK_PI => pi::unlock(address),
        raw::FUTEX_WAKE_OP => wake_op(address, second, value as usize, args.uint(3) as usize, third),
        _ => Err(Errno::ENOSYS),
    }
}

/// True for an address that is not in the program's part at all. Waking looks at no memory, so this is all that is asked of it.
const fn is_foreign(address: u64) -> bool {
    address >= crate::arch::layout::PROGRAM_END
}

/// The futex word, checked.
fn word(address: u64, writes: bool) -> Result<&'static AtomicU32> {
    crate::mm::check_user(address, 4, writes)?;
    // SAFETY: the program may read it (and write, where that is asked for), so it is mapped; it is aligned (see `futex`), and shared with the program's threads as an atomic. It is used
    // before this thread can block.
    Ok(unsafe { &*(address as *const AtomicU32) })
}

fn timespec(pointer: UserPtr<raw::__kernel_timespec>) -> Result<Option<u64>> {
    let Some(pointer) = pointer.non_null() else {
        return Ok(None);
    };
    let spec = pointer.read()?;
    if spec.tv_sec < 0 || !(0..1_000_000_000).contains(&spec.tv_nsec) {
        return Err(Errno::EINVAL);
    }
    Ok(Some(
        (spec.tv_sec as u64)
            .saturating_mul(1_000_000_000)
            .saturating_add(spec.tv_nsec as u64),
    ))
}

fn relative(pointer: UserPtr<raw::__kernel_timespec>) -> Result<Option<Instant>> {
    Ok(timespec(pointer)?.map(|span| Instant(time::now().0.saturating_add(span))))
}

pub(super) fn absolute(pointer: UserPtr<raw::__kernel_timespec>, realtime: bool) -> Result<Option<Instant>> {
    let offset = if realtime {
        time::realtime() - time::now().0
    } else {
        0
    };
    Ok(timespec(pointer)?.map(|at| Instant(at.saturating_sub(offset))))
}

fn wait(address: u64, expected: u32, bitset: u32, deadline: Option<Instant>) -> Result<usize> {
    if bitset == 0 {
        return Err(Errno::EINVAL);
    }
    let word = word(address, false)?;
    let me = sched::current();
    let waiter = Waiter::new(me.clone(), bitset, me.effective().priority);
    QUEUES.lock().enter(address, waiter.clone());
    if word.load(Ordering::SeqCst) != expected {
        return leave(&waiter, Errno::EAGAIN);
    }
    let result = wait_until(&[], deadline, || waiter.is_woken().then_some(()));
    match result {
        Ok(()) => Ok(0),
        Err(Interrupted::TimedOut) => leave(&waiter, Errno::ETIMEDOUT),
        // A wait without a time-out starts again after a handler with SA_RESTART; one with a relative time-out must not start its time anew.
        Err(Interrupted::Signal) if deadline.is_none() => leave(&waiter, Errno::ERESTARTSYS),
        Err(Interrupted::Signal) => leave(&waiter, Errno::EINTR),
    }
}

/// Waits until one of several words is woken at (`futex_waitv(2)`); gives which.
///
/// # Errors
///
/// `EAGAIN` where a word has another value, `ETIMEDOUT`, `ERESTARTSYS` when a signal came first.
pub(super) fn wait_any(futexes: &[(u64, u32)], deadline: Option<Instant>) -> Result<usize> {
    let me = sched::current();
    let mut words = Vec::new();
    for &(address, expected) in futexes {
        words.push((word(address, false)?, expected));
    }
    let enter = |&(address, _): &(u64, u32)| {
        let waiter = Waiter::new(me.clone(), u32::MAX, me.effective().priority);
        QUEUES.lock().enter(address, waiter.clone());
        waiter
    };
    let waiters: Vec<_> = futexes.iter().map(enter).collect();
    let woken = || waiters.iter().position(|waiter| waiter.is_woken());
    let result = if words
        .iter()
        .any(|(word, expected)| word.load(Ordering::SeqCst) != *expected)
    {
        Err(Errno::EAGAIN)
    } else {
        wait_until(&[], deadline, woken).map_err(|reason| match reason {
            Interrupted::TimedOut => Errno::ETIMEDOUT,
            Interrupted::Signal => Errno::ERESTARTSYS,
        })
    };
    // In one step: of several that were woken meanwhile the first counts, and none that was is lost.
    let mut queues = QUEUES.lock();
    let taken: Vec<bool> = waiters.iter().map(|waiter| !queues.leave(waiter)).collect();
    drop(queues);
    taken.iter().position(|&taken| taken).map_or(result, Ok)
}

/// Ends a wait for that reason, unless a wake-up came first.
fn leave(waiter: &Arc<Waiter>, reason: Errno) -> Result<usize> {
    if QUEUES.lock().leave(waiter) {
        Err(reason)
    } else {
        Ok(0)
    }
}

/// Wakes those who were taken out of a queue; gives how many.
fn rouse(taken: &[Arc<Waiter>]) -> usize {
    for waiter in taken {
        waiter.thread.wake();
    }
    taken.len()
}

/// Wakes at most `count` waiters whose bits meet `bitset`; answers how many.
pub(super) fn wake(address: u64, count: usize, bitset: u32) -> usize {
    let taken: Vec<_> = QUEUES.lock().take(address, count, bitset);
    rouse(&taken)
}

/// Wakes at most `wake_count` and moves at most `move_count` of the rest to `target`, if the word has the expected value; answers how many it touched.
fn requeue(
    address: u64,
    target: u64,
    wake_count: usize,
    move_count: usize,
    expected: Option<(&AtomicU32, u32)>,
) -> Result<usize> {
    let (taken, moved) = {
        let mut queues = QUEUES.lock();
        // Under the lock: whoever waits for another value of the word must not be moved for this one.
        if expected.is_some_and(|(word, value)| word.load(Ordering::SeqCst) != value) {
            return Err(Errno::EAGAIN);
        }
        let taken = queues.take(address, wake_count, u32::MAX);
        (taken, queues.shift(address, target, move_count))
    };
    Ok(rouse(&taken) + moved)
}

/// `FUTEX_WAKE_OP`: changes the second word, wakes at the first, and at the second if its old value compares.
fn wake_op(address: u64, second: u64, count: usize, second_count: usize, operation: u32) -> Result<usize> {
    if !second.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    let word = word(second, true)?;
    let sign_extended = |bits: u32| ((bits << 20) as i32 >> 20) as u32;
    let (mut argument, comparand) = (sign_extended(operation >> 12), sign_extended(operation));
    if operation >> 28 & 8 != 0 {
        argument = 1 << (argument & 31);
    }
    let old = match operation >> 28 & 7 {
        0 => word.swap(argument, Ordering::SeqCst),
        1 => word.fetch_add(argument, Ordering::SeqCst),
        2 => word.fetch_or(argument, Ordering::SeqCst),
        3 => word.fetch_and(!argument, Ordering::SeqCst),
        4 => word.fetch_xor(argument, Ordering::SeqCst),
        _ => return Err(Errno::ENOSYS),
    };
    let (old, comparand) = (old as i32, comparand as i32);
    let holds = match operation >> 24 & 15 {
        0 => old == comparand,
        1 => old != comparand,
        2 => old < comparand,
        3 => old <= comparand,
        4 => old > comparand,
        5 => old >= comparand,
        _ => return Err(Errno::ENOSYS),
    };
    let woken = wake(address, count, u32::MAX);
    Ok(woken
        + if holds {
            wake(second, second_count, u32::MAX)
        } else {
            0
        })
}

/// The priority of a thread changed, and with it perhaps that of the one which it waits for.
pub(in crate::syscall) fn priority_changed(tid: i32) {
    pi::priority_changed(tid);
}

/// Longest robust list that is walked (`ROBUST_LIST_LIMIT`): the program may have made it circular.
const ROBUST_LIMIT: usize = 2048;

/// Passes on the locks that a thread owned which ends: first those with a line of waiters, then those in its robust list.
pub(super) fn release(robust_list: u64, tid: i32) {
    pi::release_all(tid);
    release_robust_list(robust_list, tid);
}

/// Marks the mutexes of a thread that ended as ownerless, and wakes one waiter each (`get_robust_list(2)`).
fn release_robust_list(head: u64, tid: i32) {
    if head == 0 {
        return;
    }
    let read = |address: u64| UserPtr::<u64>::new(address).read();
    let (Ok(mut entry), Ok(offset), Ok(pending)) = (read(head), read(head + 8), read(head + 16)) else {
        return;
    };
    for _ in 0..ROBUST_LIMIT {
        if entry & !1 == head {
            break;
        }
        let Ok(next) = read(entry & !1) else { break };
        if entry != pending {
            release_robust((entry & !1).wrapping_add(offset), tid);
        }
        entry = next;
    }
    if pending & !1 != 0 {
        release_robust((pending & !1).wrapping_add(offset), tid);
    }
}

fn release_robust(address: u64, tid: i32) {
    let pointer = UserPtr::<u32>::new(address);
    let Ok(value) = pointer.read() else { return };
    if value & raw::FUTEX_TID_MASK == tid as u32 {
        let _ = pointer.write(value & raw::FUTEX_WAITERS | raw::FUTEX_OWNER_DIED);
        if value & raw::FUTEX_WAITERS != 0 {
            wake(address, 1, u32::MAX);
        }
    }
}

#[cfg(test)]
mod tests;
