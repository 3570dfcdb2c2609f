//! The scheduler proper.

use super::{SLICE, Thread, cputime};
use crate::{
    arch::{context, context::Context, frame::Frame, lapic, trap},
    process::PID,
    signal::ThreadSignals,
    sync::Lock,
    time::{self, Instant},
    wait::Wake,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::sync::atomic::Ordering;
use uigniter_abi::exit::ExitStatus;

/// States of a thread, in `Thread::state`.
pub(super) const BLOCKED: u8 = 0;
const READY: u8 = 1;
const RUNNING: u8 = 2;
const ENDED: u8 = 3;

struct Scheduler {
    ready: VecDeque<Arc<Thread>>,
    current: Option<Arc<Thread>>,
    all: BTreeMap<i32, Arc<Thread>>,
    next_tid: i32,
    /// Ended, but perhaps still running on its own stack: dropped when another one runs.
    ended: Option<Arc<Thread>>,
    slice_end: Instant,
}

static SCHEDULER: Lock<Scheduler> = Lock::new(Scheduler {
    ready: VecDeque::new(),
    current: None,
    all: BTreeMap::new(),
    next_tid: PID,
    ended: None,
    slice_end: Instant(0),
});

/// The thread on whose behalf the kernel runs.
///
/// # Panics
///
/// Before the first thread runs.
#[expect(
    clippy::expect_used,
    reason = "boot makes the first thread before anything can ask"
)]
pub fn current() -> Arc<Thread> {
    SCHEDULER.lock().current.clone().expect("no thread runs yet")
}

impl Wake for Thread {
    fn wake(&self) {
        let mut scheduler = SCHEDULER.lock();
        if self.state.load(Ordering::Relaxed) == BLOCKED
            && let Some(thread) = scheduler.all.get(&self.tid).cloned()
        {
            self.state.store(READY, Ordering::Relaxed);
            scheduler.ready.push_back(thread);
        }
    }
}

/// Makes a thread that will begin with this frame and these signals, and lets `prepare` complete it before it is ready. `None` when memory is out.
pub fn spawn(
    frame: &Frame,
    fs_base: u64,
    signals: ThreadSignals,
    prepare: impl FnOnce(&Thread),
) -> Option<Arc<Thread>> {
    let context = Context::new(frame, fs_base)?;
    let tid = {
        let mut scheduler = SCHEDULER.lock();
        let tid = scheduler.next_tid;
        scheduler.next_tid += 1;
        tid
    };
    let thread = Arc::new(Thread::new(tid, signals, context));
    prepare(&thread);
    thread.state.store(READY, Ordering::Relaxed);
    let mut scheduler = SCHEDULER.lock();
    scheduler.all.insert(tid, thread.clone());
    scheduler.ready.push_back(thread.clone());
    Some(thread)
}

/// Makes whoever boots the first thread, so that it may block; it goes to the program by [`exit_thread`]'s counterpart in `boot`.
pub fn start_first(thread: Arc<Thread>) {
    let mut scheduler = SCHEDULER.lock();
    scheduler.next_tid = thread.tid + 1;
    thread.state.store(RUNNING, Ordering::Relaxed);
    thread.since.store(time::now().0, Ordering::Relaxed);
    scheduler.all.insert(thread.tid, thread.clone());
    scheduler.current = Some(thread);
}

/// Takes the next ready thread, halting until there is one.
fn next_ready() -> Arc<Thread> {
    loop {
        if let Some(next) = SCHEDULER.lock().ready.pop_front() {
            return next;
        }
        let now = time::now();
        match time::next_deadline() {
            Some(deadline) if deadline <= now => time::expire(now),
            deadline => {
                if let Some(deadline) = deadline {
                    lapic::arm(deadline, now);
                }
                // Halted time is nobody's.
                if let Some(me) = &SCHEDULER.lock().current {
                    me.settle(now);
                }
                trap::idle();
            }
        }
    }
}

/// Accounts for the switch, and makes `next` the current thread.
fn take_over(next: Arc<Thread>) -> (Option<Arc<Thread>>, *mut Context) {
    let now = time::now();
    let mut scheduler = SCHEDULER.lock();
    scheduler.slice_end = now + SLICE;
    next.state.store(RUNNING, Ordering::Relaxed);
    next.since.store(now.0, Ordering::Relaxed);
    let context = next.context.get();
    let previous = scheduler.current.replace(next);
    if let Some(previous) = &previous {
        previous.settle(now);
    }
    (previous, context)
}

/// Goes on with `next` in place of the current thread, and returns when that is chosen again.
fn switch_to(next: Arc<Thread>) {
    let (previous, to) = take_over(next);
    let Some(previous) = previous else { return };
    let from = previous.context.get();
    // The scheduler's own map keeps the context alive; a count held on a stack that may never run again would keep it for ever.
    drop(previous);
    // SAFETY: `from` is the context of the thread that runs, `to` that of one that was ready; both are owned by threads in `all`. No lock is held.
    unsafe { context::switch(from, to) };
    let ended = SCHEDULER.lock().ended.take();
    drop(ended);
}

/// Lets others run until somebody wakes this thread or the deadline passes. Only [`wait`](crate::wait) calls this; no lock may be held.
pub fn block(deadline: Option<Instant>) {
    let me = current();
    cputime::count(&me.counters.waits);
    me.state.store(BLOCKED, Ordering::Relaxed);
    let timer = deadline.map(|deadline| {
        let waker: Arc<dyn Wake> = me.clone();
        time::arm(deadline, &waker)
    });
    let next = next_ready();
    if Arc::ptr_eq(&next, &me) {
        me.state.store(RUNNING, Ordering::Relaxed);
        if me.since.load(Ordering::Relaxed) == 0 {
            me.since.store(time::now().0, Ordering::Relaxed);
        }
    } else {
        switch_to(next);
    }
    if let Some(timer) = timer {
        time::cancel(timer);
    }
}

/// Lets the other runnable threads have their turn (`sched_yield(2)`).
pub fn yield_now() {
    let next = {
        let mut scheduler = SCHEDULER.lock();
        let Some(next) = scheduler.ready.pop_front() else {
            return;
        };
        if let Some(me) = scheduler.current.clone() {
            me.state.store(READY, Ordering::Relaxed);
            scheduler.ready.push_back(me);
        }
        next
    };
    switch_to(next);
}

/// On the way to the program: gives way if the slice is over and somebody waits; true if another one ran.
pub fn preempt() -> bool {
    let over = {
        let scheduler = SCHEDULER.lock();
        !scheduler.ready.is_empty() && time::now() >= scheduler.slice_end
    };
    if over {
        cputime::count(&current().counters.preemptions);
        yield_now();
    }
    over
}

/// On the way to the program: has the timer interrupt it for the next deadline, or for the end of its slice if somebody waits.
pub fn arm_timer() {
    let slice = {
        let scheduler = SCHEDULER.lock();
        (!scheduler.ready.is_empty()).then_some(scheduler.slice_end)
    };
    let deadline = match (slice, time::next_deadline()) {
        (Some(a), Some(b)) => a.min(b),
        (Some(a), None) | (None, Some(a)) => a,
        (None, None) => return,
    };
    lapic::arm(deadline, time::now());
}

/// All threads that have not ended, in the order of their birth.
pub fn threads() -> Vec<Arc<Thread>> {
    SCHEDULER.lock().all.values().cloned().collect()
}

/// Ends the current thread; with the last one, the process ends with this status.
pub fn exit_thread(status: i32) -> ! {
    let last = {
        let mut scheduler = SCHEDULER.lock();
        if let Some(me) = scheduler.current.clone() {
            me.state.store(ENDED, Ordering::Relaxed);
            cputime::keep(&me);
            scheduler.all.remove(&me.tid);
            scheduler.ended = Some(me);
        }
        scheduler.all.is_empty()
    };
    if last {
        exit_process(ExitStatus::Exited(status as u8));
    }
    let (previous, to) = take_over(next_ready());
    drop(previous);
    // SAFETY: `to` is the context of a ready thread in `all`; ours is kept in `ended` until another thread runs. No lock is held.
    unsafe { context::switch_away(to) }
}

/// Ends the VM with this status, after what is buffered for the console has gone out. Never returns.
pub fn exit_process(status: ExitStatus) -> ! {
    crate::drivers::console::flush();
    crate::drivers::power::exit(status)
}

/// A signal whose default action is to end the program with a core dump: the report goes to the console, and the VM ends.
pub fn crash(signal: i32, frame: &Frame, address: Option<u64>) -> ! {
    crate::boot::crash::program(signal, frame, address);
    exit_process(ExitStatus::Signaled(signal as u8))
}
