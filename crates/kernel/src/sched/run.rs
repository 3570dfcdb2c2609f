//! The scheduler proper: the one queue, and the switch from one thread's stack to another's.

use super::{
    Thread, Wishes, cputime, errand,
    queue::{Account, Leaving, RunQueue, Seat},
};
use crate::{
    arch::{context, context::Context, frame::Frame, lapic, percpu, trap},
    process::PID,
    signal::ThreadSignals,
    sync::{self, Lock},
    time::{self, Instant},
    wait::Wake,
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::{sync::atomic::Ordering, time::Duration};
use uigniter_abi::exit::ExitStatus;

/// States of a thread, in `Thread::state`; changed under the scheduler's lock.
pub(super) const BLOCKED: u8 = 0;
const READY: u8 = 1;
const RUNNING: u8 = 2;
const ENDED: u8 = 3;

/// What a thread that goes on runs for at least before a timer interrupts it (Linux's default `PR_SET_TIMERSLACK`). Without it, one that sleeps for
/// less than the way to the program takes would keep all others from ever executing an instruction.
const SLACK: Duration = Duration::from_micros(50);

struct Scheduler {
    queue: RunQueue<Arc<Thread>>,
    all: BTreeMap<i32, Arc<Thread>>,
    next_tid: i32,
    /// Ended, but perhaps still running on its own stack: dropped when another one runs.
    ended: Option<Arc<Thread>>,
}

static SCHEDULER: Lock<Scheduler> = Lock::new(Scheduler {
    queue: RunQueue::new(),
    all: BTreeMap::new(),
    next_tid: PID,
    ended: None,
});

impl Seat for Arc<Thread> {
    fn account(&self) -> &Account {
        &self.account
    }

    fn is(&self, other: &Self) -> bool {
        Self::ptr_eq(self, other)
    }
}

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
    running().expect("no thread runs yet")
}

/// As [`current`]; `None` before the first thread runs.
fn running() -> Option<Arc<Thread>> {
    let thread: *const Thread = percpu::this().current.load(Ordering::Relaxed).cast();
    if thread.is_null() {
        return None;
    }
    // SAFETY: the pointer is that of `set_running`, which keeps a count until another thread runs here; this makes one more.
    unsafe {
        Arc::increment_strong_count(thread);
        Some(Arc::from_raw(thread))
    }
}

/// Makes `next` the thread that runs on this processor; gives the one that did.
fn set_running(next: Arc<Thread>) -> Option<Arc<Thread>> {
    let next = Arc::into_raw(next).cast_mut().cast();
    let previous: *const Thread = percpu::this().current.swap(next, Ordering::Relaxed).cast();
    // SAFETY: what was there came from `Arc::into_raw` above, and its count goes to the caller.
    (!previous.is_null()).then(|| unsafe { Arc::from_raw(previous) })
}

impl Wake for Thread {
    fn wake(&self) {
        let mut scheduler = SCHEDULER.lock();
        if self.state.load(Ordering::Relaxed) != BLOCKED {
            // It may be about to block, having looked before there was what it is woken for.
            self.woken.store(true, Ordering::Relaxed);
        } else if let Some(thread) = scheduler.all.get(&self.tid).cloned() {
            self.state.store(READY, Ordering::Relaxed);
            scheduler.queue.wake(thread, time::now());
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
    let wishes = current().wishes().inherited();
    let thread = Arc::new(Thread::new(tid, signals, wishes, context));
    prepare(&thread);
    let mut scheduler = SCHEDULER.lock();
    thread.state.store(READY, Ordering::Relaxed);
    scheduler.all.insert(tid, thread.clone());
    scheduler.queue.add(thread.clone(), time::now());
    Some(thread)
}

/// Makes whoever boots the first thread, so that it may block; it goes to the program by [`exit_thread`]'s counterpart in `boot`.
pub fn start_first(thread: Arc<Thread>) {
    let mut scheduler = SCHEDULER.lock();
    scheduler.next_tid = thread.tid + 1;
    thread.state.store(RUNNING, Ordering::Relaxed);
    scheduler.all.insert(thread.tid, thread.clone());
    scheduler.queue.run(thread.clone(), time::now());
    drop(scheduler);
    set_running(thread);
}

impl Scheduler {
    /// Takes the thread that is to run now.
    fn choose(&mut self, now: Instant) -> Option<Arc<Thread>> {
        let next = self.queue.choose(now)?;
        next.state.store(RUNNING, Ordering::Relaxed);
        Some(next)
    }

    /// Puts the one that runs back, and takes the one that is to run now, which may be the same.
    fn swap(&mut self, now: Instant, why: Leaving) -> Option<Arc<Thread>> {
        if let Some(me) = running() {
            me.state.store(READY, Ordering::Relaxed);
        }
        self.queue.put_back(now, why);
        self.choose(now)
    }
}

/// Takes the next ready thread, halting until there is one.
fn next_ready() -> Arc<Thread> {
    loop {
        let now = time::now();
        if let Some(next) = SCHEDULER.lock().choose(now) {
            return next;
        }
        match time::next_deadline() {
            Some(deadline) if deadline <= now => time::expire(now),
            deadline => {
                if let Some(deadline) = deadline {
                    lapic::arm(deadline, now);
                }
                trap::idle();
            }
        }
    }
}

/// Goes on with `next` in place of the current thread, and returns when that is chosen again; true if another one ran.
fn switch_to(next: Arc<Thread>) -> bool {
    let to = next.context.get();
    let Some(previous) = set_running(next) else {
        return false;
    };
    let from = previous.context.get();
    // The scheduler's own map keeps the context alive; a count held on a stack that may never run again would keep it for ever.
    drop(previous);
    if from == to {
        return false;
    }
    // SAFETY: `from` is the context of the thread that runs, `to` that of one that was ready; both are owned by threads in `all`. No lock is held.
    unsafe { context::switch(from, to) };
    let ended = SCHEDULER.lock().ended.take();
    drop(ended);
    true
}

/// Lets others run until somebody wakes this thread or the deadline passes; returns at once if it was woken since it last blocked, so that
/// a wake-up between the caller's look and this call is not lost. Only [`wait`](crate::wait) calls this; no lock may be held.
pub fn block(deadline: Option<Instant>) {
    sync::assert_none_held();
    errand::run();
    let me = current();
    cputime::count(&me.counters.waits);
    let timer = deadline.map(|deadline| {
        let waker: Arc<dyn Wake> = me.clone();
        time::arm(deadline, &waker)
    });
    if stop_unless_woken(&me) {
        switch_to(next_ready());
    }
    if let Some(timer) = timer {
        time::cancel(timer);
    }
}

/// Makes the current thread blocked, unless it was woken since it last was; true if it is.
fn stop_unless_woken(me: &Thread) -> bool {
    let mut scheduler = SCHEDULER.lock();
    if me.woken.swap(false, Ordering::Relaxed) {
        return false;
    }
    me.state.store(BLOCKED, Ordering::Relaxed);
    // From here on nobody is charged; the time that the processor halts is nobody's.
    scheduler.queue.stop(time::now());
    true
}

/// Lets the other runnable threads have their turn (`sched_yield(2)`).
pub fn yield_now() {
    sync::assert_none_held();
    let next = {
        let mut scheduler = SCHEDULER.lock();
        if scheduler.queue.is_empty() {
            return;
        }
        scheduler.swap(time::now(), Leaving::Yielded)
    };
    if let Some(next) = next {
        switch_to(next);
    }
}

/// On the way to the program: gives way if its time is over, or if a thread woke that goes first; true if another one ran.
pub fn preempt() -> bool {
    errand::run();
    let next = {
        let mut scheduler = SCHEDULER.lock();
        if scheduler.queue.is_empty() {
            return false;
        }
        let now = time::now();
        if !scheduler.queue.is_over(now) {
            return false;
        }
        scheduler.swap(now, Leaving::Preempted)
    };
    let me = current();
    let ran = next.is_some_and(switch_to);
    if ran {
        cputime::count(&me.counters.preemptions);
    }
    ran
}

/// On the way to the program: has the timer interrupt it for the next deadline, or for the end of its time if somebody waits.
pub fn arm_timer() {
    let slice = {
        let scheduler = SCHEDULER.lock();
        if scheduler.queue.is_empty() {
            None
        } else {
            scheduler.queue.look_again(time::now())
        }
    };
    if let Some(deadline) = slice.into_iter().chain(time::next_deadline()).min() {
        let now = time::now();
        lapic::arm(deadline.max(now + SLACK), now);
    }
}

/// Changes how a thread is scheduled.
pub fn set_wishes(thread: &Arc<Thread>, wishes: Wishes) {
    let mut scheduler = SCHEDULER.lock();
    // What was used until now counts by the old weight.
    scheduler.queue.settle(time::now());
    thread.account.set_wishes(wishes);
    scheduler.queue.moved(thread);
}

/// Gives a thread at least that realtime priority, whatever it wishes; 0 takes it back.
pub fn set_boost(thread: &Arc<Thread>, priority: u8) {
    let mut scheduler = SCHEDULER.lock();
    scheduler.queue.settle(time::now());
    thread.account.set_boost(priority);
    scheduler.queue.moved(thread);
}

/// All threads that have not ended, in the order of their birth.
pub fn threads() -> Vec<Arc<Thread>> {
    SCHEDULER.lock().all.values().cloned().collect()
}

/// Ends the current thread; with the last one, the process ends with this status.
pub fn exit_thread(status: i32) -> ! {
    sync::assert_none_held();
    // What the end waits for needs a thread that can wait.
    if threads().len() == 1 {
        errand::end();
    }
    let me = current();
    let (last, before) = {
        let mut scheduler = SCHEDULER.lock();
        me.state.store(ENDED, Ordering::Relaxed);
        scheduler.all.remove(&me.tid);
        scheduler.queue.stop(time::now());
        cputime::keep(&me);
        let before = scheduler.ended.replace(me);
        (scheduler.all.is_empty(), before)
    };
    drop(before);
    if last {
        exit_process(ExitStatus::Exited(status as u8));
    }
    let next = next_ready();
    let to = next.context.get();
    drop(set_running(next));
    // SAFETY: `to` is the context of a ready thread in `all`; ours is kept in `ended` until another thread runs. No lock is held.
    unsafe { context::switch_away(to) }
}

/// Ends the VM with this status, after what is buffered for the console has gone out. Never returns.
pub fn exit_process(status: ExitStatus) -> ! {
    errand::end();
    crate::drivers::console::flush();
    crate::drivers::power::exit(status)
}

/// A signal whose default action is to end the program with a core dump: the report goes to the console, and the VM ends.
pub fn crash(signal: i32, frame: &Frame, address: Option<u64>) -> ! {
    crate::boot::crash::program(signal, frame, address);
    exit_process(ExitStatus::Signaled(signal as u8))
}
