//! `futex(2)`.
//!
//! Waiters stand in a queue for each address. Nothing runs between the look at the word and the entry into the queue, as the kernel is not
//! preempted and the queues' lock is held, so no wake-up is lost.

use crate::{
    errno::{Errno, Result},
    sched,
    sync::Lock,
    syscall::Args,
    time::{self, Instant},
    user::UserPtr,
    wait::{Interrupted, Wake, wait_until},
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use linux_raw_sys::general as raw;

mod pi;

/// One thread that waits.
struct Waiter {
    thread: Arc<dyn Wake>,
    bitset: u32,
    woken: AtomicBool,
    /// The address that it waits for now; a requeue changes it.
    address: Lock<u64>,
}

static QUEUES: Lock<BTreeMap<u64, VecDeque<Arc<Waiter>>>> = Lock::new(BTreeMap::new());

/// Waits, wakes, requeues.
pub(super) fn futex(args: &Args) -> Result<usize> {
    let (address, operation, value) = (args.0[0], args.uint(1), args.uint(2));
    let (second, third) = (args.0[4], args.uint(5));
    if !address.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    let realtime = operation & raw::FUTEX_CLOCK_REALTIME != 0;
    match operation & raw::FUTEX_CMD_MASK as u32 {
        raw::FUTEX_WAIT => wait(address, value, u32::MAX, relative(args.ptr(3))?),
        raw::FUTEX_WAIT_BITSET => wait(address, value, third, absolute(args.ptr(3), realtime)?),
        raw::FUTEX_WAKE_BITSET if third == 0 => Err(Errno::EINVAL),
        raw::FUTEX_WAKE if is_foreign(address) => Err(Errno::EFAULT),
        raw::FUTEX_WAKE_BITSET if is_foreign(address) => Err(Errno::EFAULT),
        raw::FUTEX_WAKE => Ok(wake(address, value as usize, u32::MAX)),
        raw::FUTEX_WAKE_BITSET => Ok(wake(address, value as usize, third)),
        raw::FUTEX_REQUEUE | raw::FUTEX_CMP_REQUEUE => {
            let (wake_count, move_count) = (value as i32, args.int(3));
            if wake_count < 0 || move_count < 0 || !second.is_multiple_of(4) {
                return Err(Errno::EINVAL);
            }
            let compares = operation & raw::FUTEX_CMD_MASK as u32 == raw::FUTEX_CMP_REQUEUE;
            if compares && word(address, false)?.load(Ordering::Relaxed) != third {
                return Err(Errno::EAGAIN);
            }
            Ok(requeue(address, second, wake_count as usize, move_count as usize))
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

fn absolute(pointer: UserPtr<raw::__kernel_timespec>, realtime: bool) -> Result<Option<Instant>> {
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
    if word(address, false)?.load(Ordering::SeqCst) != expected {
        return Err(Errno::EAGAIN);
    }
    let waiter = Arc::new(Waiter {
        thread: sched::current(),
        bitset,
        woken: AtomicBool::new(false),
        address: Lock::new(address),
    });
    QUEUES
        .lock()
        .entry(address)
        .or_default()
        .push_back(waiter.clone());
    let result = wait_until(&[], deadline, || {
        waiter.woken.load(Ordering::Relaxed).then_some(())
    });
    if result.is_err() {
        let at = *waiter.address.lock();
        let mut queues = QUEUES.lock();
        if let Some(queue) = queues.get_mut(&at) {
            queue.retain(|other| !Arc::ptr_eq(other, &waiter));
            if queue.is_empty() {
                queues.remove(&at);
            }
        }
    }
    match result {
        Ok(()) => Ok(0),
        Err(Interrupted::TimedOut) => Err(Errno::ETIMEDOUT),
        // A wait without a time-out starts again after a handler with SA_RESTART; one with a relative time-out must not start its time anew.
        Err(Interrupted::Signal) if deadline.is_none() => Err(Errno::ERESTARTSYS),
        Err(Interrupted::Signal) => Err(Errno::EINTR),
    }
}

/// Wakes at most `count` waiters whose bits meet `bitset`; answers how many.
pub(super) fn wake(address: u64, count: usize, bitset: u32) -> usize {
    let mut woken = 0;
    while woken < count {
        let waiter = {
            let mut queues = QUEUES.lock();
            let Some(queue) = queues.get_mut(&address) else {
                break;
            };
            let Some(index) = queue.iter().position(|waiter| waiter.bitset & bitset != 0) else {
                break;
            };
            let waiter = queue.remove(index);
            if queue.is_empty() {
                queues.remove(&address);
            }
            waiter
        };
        let Some(waiter) = waiter else { break };
        waiter.woken.store(true, Ordering::Relaxed);
        waiter.thread.wake();
        woken += 1;
    }
    woken
}

/// Wakes at most `wake_count` and moves at most `move_count` of the rest to `target`; answers how many it touched.
fn requeue(address: u64, target: u64, wake_count: usize, move_count: usize) -> usize {
    let woken = wake(address, wake_count, u32::MAX);
    let mut queues = QUEUES.lock();
    let Some(mut queue) = queues.remove(&address) else {
        return woken;
    };
    let rest = queue.split_off(move_count.min(queue.len()));
    if !rest.is_empty() {
        queues.insert(address, rest);
    }
    let moved = queue.len();
    for waiter in &queue {
        *waiter.address.lock() = target;
    }
    queues.entry(target).or_default().append(&mut queue);
    if queues.get(&target).is_some_and(VecDeque::is_empty) {
        queues.remove(&target);
    }
    woken + moved
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
