//! Who runs next: the policy alone, without stacks and processors, so that the host can test it.
//!
//! Fair threads (`SCHED_OTHER`, `SCHED_BATCH`, `SCHED_IDLE`) are chosen by *virtual time*: the CPU time that a thread had, divided by the weight of its nice
//! value. The one with the least runs; so all get their share, and none starves, whatever the others do. Who slept is put [`CREDIT`] behind those who ran at
//! most, which is enough to run at once when it wakes, and not enough to keep the others out for long. A realtime thread (`SCHED_FIFO`, `SCHED_RR`) runs
//! before all of them, up to [`REALTIME_SHARE`] of each [`REALTIME_PERIOD`] (`sched(7)`, "Limiting the CPU usage of real-time and deadline processes").

use crate::time::Instant;
use alloc::collections::BTreeMap;
use core::{
    cmp::Reverse,
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};
use linux_raw_sys::general as raw;

/// How long a fair thread runs while others are ready.
pub const SLICE: Duration = Duration::from_millis(3);
/// How long a `SCHED_RR` thread runs while others of its priority are ready.
pub const ROUND: Duration = Duration::from_millis(100);
/// Realtime threads get [`REALTIME_SHARE`] of each of these while fair ones are ready.
pub const REALTIME_PERIOD: Duration = Duration::from_secs(1);
/// See [`REALTIME_PERIOD`].
pub const REALTIME_SHARE: Duration = Duration::from_millis(950);

/// Virtual nanoseconds that a thread which slept is at most behind those who ran.
const CREDIT: u64 = 3_000_000;
/// Virtual nanoseconds that a thread has to be behind the one that runs to take its place when it wakes: less would be more switches than work.
const PATIENCE: u64 = 500_000;

/// Virtual times count as equal that differ by less than this power of two (65 us): then the one that was ready first runs first, as threads do that wake
/// one after another from one timer.
const GRAIN: u32 = 16;

/// Weight of nice 0.
const UNIT: u64 = 1024;
/// Weight of `SCHED_IDLE`, below that of nice 19.
const IDLE_WEIGHT: u64 = 3;

/// How a thread wants to be scheduled (`sched(7)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `SCHED_*`.
    pub policy: u32,
    /// Realtime priority, 1 to 99; 0 for the fair policies.
    pub priority: u8,
    /// Nice value, -20 to 19.
    pub nice: i8,
    /// `SCHED_RESET_ON_FORK`: threads that it makes have no realtime policy and no negative nice value.
    pub reset_on_fork: bool,
}

impl Wishes {
    const fn is_realtime(self) -> bool {
        matches!(self.policy, raw::SCHED_FIFO | raw::SCHED_RR)
    }

    /// Its share of the processor against others; each step of nice is a quarter more or a fifth less.
    fn weight(self) -> u64 {
        if self.policy == raw::SCHED_IDLE {
            return IDLE_WEIGHT;
        }
        let (up, down) = ((-self.nice).max(0), self.nice.max(0));
        let raised = (0..up).fold(UNIT, |weight, _| weight * 5 / 4);
        (0..down).fold(raised, |weight, _| weight * 4 / 5)
    }

    /// What a thread begins with that is made by one with these.
    #[must_use]
    pub fn inherited(self) -> Self {
        match (self.reset_on_fork, self.is_realtime()) {
            (false, _) => self,
            (true, true) => Self::default(),
            (true, false) => Self {
                nice: self.nice.max(0),
                reset_on_fork: false,
                ..self
            },
        }
    }

    fn to_bits(self) -> u32 {
        self.policy
            | u32::from(self.priority) << 8
            | u32::from(self.nice as u8) << 16
            | u32::from(self.reset_on_fork) << 24
    }

    fn from_bits(bits: u32) -> Self {
        Self {
            policy: bits & 0xff,
            priority: (bits >> 8) as u8,
            nice: (bits >> 16) as u8 as i8,
            reset_on_fork: bits >> 24 != 0,
        }
    }
}

/// What is kept of each thread. All but the wishes is changed only by its queue, which is behind a lock; others only look.
#[derive(Debug, Default)]
pub struct Account {
    /// CPU time up to `since`, in nanoseconds.
    used: AtomicU64,
    /// Since when it runs and this was not added to `used`, in nanoseconds since boot; 0 while it does not run.
    since: AtomicU64,
    /// CPU time by weight, in virtual nanoseconds.
    virtual_time: AtomicU64,
    wishes: AtomicU32,
    /// The realtime priority that it has for the sake of one who waits for it; 0 if there is none.
    boost: AtomicU8,
}

impl Account {
    /// That of a thread which has not run.
    #[must_use]
    pub fn new(wishes: Wishes) -> Self {
        Self {
            wishes: AtomicU32::new(wishes.to_bits()),
            ..Self::default()
        }
    }

    /// How it wants to be scheduled.
    #[must_use]
    pub fn wishes(&self) -> Wishes {
        Wishes::from_bits(self.wishes.load(Ordering::Relaxed))
    }

    /// How it is scheduled: as it wishes, or before that, with the priority of one who waits for it.
    #[must_use]
    pub fn effective(&self) -> Wishes {
        let wishes = self.wishes();
        match self.boost() {
            boost if boost > wishes.priority => Wishes {
                policy: raw::SCHED_FIFO,
                priority: boost,
                ..wishes
            },
            _ => wishes,
        }
    }

    /// See [`set_boost`](Self::set_boost).
    #[must_use]
    pub fn boost(&self) -> u8 {
        self.boost.load(Ordering::Relaxed)
    }

    /// Gives it at least that realtime priority, whatever it wishes, until it is taken back with 0; for a thread that is ready,
    /// [`RunQueue::moved`] has to follow.
    pub fn set_boost(&self, priority: u8) {
        self.boost.store(priority, Ordering::Relaxed);
    }

    /// Changes how it wants to be scheduled; for a thread that is ready, [`RunQueue::moved`] has to follow.
    pub fn set_wishes(&self, wishes: Wishes) {
        self.wishes.store(wishes.to_bits(), Ordering::Relaxed);
    }

    /// CPU time used until `now`, in nanoseconds.
    #[must_use]
    pub fn cpu_time(&self, now: Instant) -> u64 {
        self.used.load(Ordering::Relaxed) + self.unsettled(now)
    }

    fn unsettled(&self, now: Instant) -> u64 {
        match self.since.load(Ordering::Relaxed) {
            0 => 0,
            since => now.0.saturating_sub(since),
        }
    }

    fn virtual_time(&self) -> u64 {
        self.virtual_time.load(Ordering::Relaxed)
    }

    /// Virtual time when it runs until `now`.
    fn virtual_at(&self, now: Instant) -> u64 {
        self.virtual_time() + self.unsettled(now).saturating_mul(UNIT) / self.wishes().weight()
    }

    fn set_virtual(&self, to: u64) {
        self.virtual_time.store(to, Ordering::Relaxed);
    }
}

/// What can be queued.
pub trait Seat: Clone {
    /// Its account.
    fn account(&self) -> &Account;
    /// True if both are the same thread.
    fn is(&self, other: &Self) -> bool;
}

/// Why the thread that runs goes back to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Its time is over, or another one is to run first.
    Preempted,
    /// It wants others to run (`sched_yield(2)`).
    Yielded,
}

/// The ready threads, and the one that runs.
#[derive(Debug)]
pub struct RunQueue<T> {
    /// By priority, highest first, then by turn.
    realtime: BTreeMap<(Reverse<u8>, i64), T>,
    /// By virtual time in grains, then by turn.
    fair: BTreeMap<(u64, i64), T>,
    running: Option<T>,
    /// The least virtual time of all that run or are ready; never goes back.
    floor: u64,
    last_turn: i64,
    first_turn: i64,
    slice_end: Instant,
    /// Somebody woke who is to run before the one that runs.
    give_way: bool,
    /// Start of the period in which `realtime_used` was used.
    period: Instant,
    realtime_used: u64,
}

impl<T: Seat> Default for RunQueue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Seat> RunQueue<T> {
    /// Nobody is ready or runs.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            realtime: BTreeMap::new(),
            fair: BTreeMap::new(),
            running: None,
            floor: 0,
            last_turn: 0,
            first_turn: 0,
            slice_end: Instant(0),
            give_way: false,
            period: Instant(0),
            realtime_used: 0,
        }
    }

    /// True if nobody is ready.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.realtime.is_empty() && self.fair.is_empty()
    }

    /// Adds a thread that is new: it has no credit, else who makes many would get more than a share.
    pub fn add(&mut self, thread: T, now: Instant) {
        self.settle(now);
        let maker = self
            .running
            .as_ref()
            .map_or(0, |running| running.account().virtual_time());
        thread.account().set_virtual(maker.max(self.floor));
        self.last_turn += 1;
        self.insert(thread, self.last_turn);
    }

    /// Adds a thread that woke up.
    pub fn wake(&mut self, thread: T, now: Instant) {
        let account = thread.account();
        let wishes = account.effective();
        let credit = match wishes.policy {
            raw::SCHED_BATCH | raw::SCHED_IDLE => 0,
            _ => CREDIT,
        };
        account.set_virtual(account.virtual_time().max(self.floor.saturating_sub(credit)));
        self.give_way |= self.is_urgent(account, now);
        self.last_turn += 1;
        self.insert(thread, self.last_turn);
    }

    /// True if that thread is to run before the one that runs.
    fn is_urgent(&self, woken: &Account, now: Instant) -> bool {
        let Some(running) = &self.running else {
            return false;
        };
        let running = running.account();
        let (new, old) = (woken.effective(), running.effective());
        match (new.is_realtime(), old.is_realtime()) {
            (true, true) => new.priority > old.priority,
            (true, false) => true,
            (false, true) => false,
            (false, false) => match (new.policy, old.policy) {
                (raw::SCHED_IDLE | raw::SCHED_BATCH, _) => false,
                (_, raw::SCHED_IDLE) => true,
                _ => woken.virtual_time() + PATIENCE < running.virtual_at(now),
            },
        }
    }

    fn insert(&mut self, thread: T, turn: i64) {
        let account = thread.account();
        let wishes = account.effective();
        if wishes.is_realtime() {
            self.realtime.insert((Reverse(wishes.priority), turn), thread);
        } else {
            self.fair.insert((account.virtual_time() >> GRAIN, turn), thread);
        }
    }

    /// Charges the one that runs for its time until now.
    pub fn settle(&mut self, now: Instant) {
        let Some(running) = &self.running else { return };
        let account = running.account();
        let ran = account.unsettled(now);
        if account.effective().is_realtime() {
            self.realtime_used += ran;
        } else {
            account.set_virtual(account.virtual_at(now));
        }
        account.used.fetch_add(ran, Ordering::Relaxed);
        if account.since.load(Ordering::Relaxed) != 0 {
            account.since.store(now.0, Ordering::Relaxed);
        }
        self.raise_floor();
    }

    fn raise_floor(&mut self) {
        let running = self.running.as_ref().map(T::account);
        let running = running.filter(|account| !account.effective().is_realtime());
        let first = self
            .fair
            .first_key_value()
            .map(|(&(grains, _), _)| grains << GRAIN);
        if let Some(least) = running.map(Account::virtual_time).into_iter().chain(first).min() {
            self.floor = self.floor.max(least);
        }
    }

    /// The processor halts: nobody is charged from now on until [`run`](Self::run).
    pub fn pause(&mut self, now: Instant) {
        self.settle(now);
        if let Some(running) = &self.running {
            running.account().since.store(0, Ordering::Relaxed);
        }
    }

    /// The one that runs goes back to the queue.
    pub fn put_back(&mut self, now: Instant, why: Leaving) {
        self.pause(now);
        let Some(thread) = self.running.take() else { return };
        if why == Leaving::Yielded {
            let account = thread.account();
            account.set_virtual(self.behind_others(account.virtual_time()));
        }
        let wishes = thread.account().effective();
        let round_over = wishes.policy == raw::SCHED_RR && now >= self.slice_end;
        let turn = if why == Leaving::Yielded || round_over || !wishes.is_realtime() {
            self.last_turn += 1;
            self.last_turn
        } else {
            // Who is preempted stays the first of its priority (`sched(7)`).
            self.first_turn -= 1;
            self.first_turn
        };
        self.insert(thread, turn);
    }

    /// Virtual time for one that lets all others go first: the last one's, but not more than a slice after the first one's, as the last one may be far off.
    fn behind_others(&self, own: u64) -> u64 {
        let (first, last) = (self.fair.first_key_value(), self.fair.last_key_value());
        let (Some((&(first, _), _)), Some((&(last, _), _))) = (first, last) else {
            return own;
        };
        own.max((last << GRAIN).min((first << GRAIN) + SLICE.as_nanos() as u64))
    }

    /// The one that runs waits for something or has ended.
    pub fn stop(&mut self, now: Instant) -> Option<T> {
        self.pause(now);
        self.running.take()
    }

    /// Takes the next thread out of the queue; it runs from now on.
    pub fn choose(&mut self, now: Instant) -> Option<T> {
        let next = self.pick(now)?;
        self.run(next.clone(), now);
        Some(next)
    }

    fn pick(&mut self, now: Instant) -> Option<T> {
        self.renew_period(now);
        let exhausted = self.realtime_used >= REALTIME_SHARE.as_nanos() as u64;
        if exhausted && let Some((_, thread)) = self.fair.pop_first() {
            return Some(thread);
        }
        let next = self.realtime.pop_first().map(|(_, thread)| thread);
        next.or_else(|| self.fair.pop_first().map(|(_, thread)| thread))
    }

    fn renew_period(&mut self, now: Instant) {
        if now >= self.period + REALTIME_PERIOD {
            (self.period, self.realtime_used) = (now, 0);
        }
    }

    /// That thread, which is not in the queue, runs from now on.
    pub fn run(&mut self, thread: T, now: Instant) {
        let slice = match thread.account().effective().policy {
            raw::SCHED_RR => ROUND,
            _ => SLICE,
        };
        self.slice_end = now + slice;
        self.give_way = false;
        thread.account().since.store(now.0.max(1), Ordering::Relaxed);
        self.running = Some(thread);
    }

    /// True if the one that runs should go back to the queue now.
    pub fn is_over(&mut self, now: Instant) -> bool {
        if self.is_empty() {
            return false;
        }
        self.give_way || self.look_again(now).is_some_and(|at| at <= now)
    }

    /// When to ask [`is_over`](Self::is_over) again if nobody wakes before; `None` while the one that runs may go on for ever.
    pub fn look_again(&self, now: Instant) -> Option<Instant> {
        let Some(running) = &self.running else { return None };
        let account = running.account();
        let wishes = account.effective();
        if !wishes.is_realtime() {
            // An exhausted realtime thread gets its turn at the next period.
            let renewed = (!self.realtime.is_empty()).then_some(self.period + REALTIME_PERIOD);
            let slice = (!self.fair.is_empty()).then_some(self.slice_end);
            return slice.into_iter().chain(renewed).min();
        }
        let same = |&(priority, _): &(Reverse<u8>, i64)| priority.0 == wishes.priority;
        let round = (wishes.policy == raw::SCHED_RR && self.realtime.keys().next().is_some_and(same))
            .then_some(self.slice_end);
        let share = (!self.fair.is_empty()).then(|| {
            let used = self.realtime_used + account.unsettled(now);
            now + REALTIME_SHARE.saturating_sub(Duration::from_nanos(used))
        });
        round.into_iter().chain(share).min()
    }

    /// The wishes of a thread changed that may be ready: it is put where it belongs now.
    pub fn moved(&mut self, thread: &T) {
        self.give_way = true;
        let realtime = self.realtime.iter().find(|(_, other)| other.is(thread));
        if let Some(key) = realtime.map(|(&key, _)| key) {
            self.realtime.remove(&key);
        } else {
            let fair = self.fair.iter().find(|(_, other)| other.is(thread));
            let Some(key) = fair.map(|(&key, _)| key) else {
                return;
            };
            self.fair.remove(&key);
        }
        let account = thread.account();
        account.set_virtual(account.virtual_time().max(self.floor));
        self.last_turn += 1;
        self.insert(thread.clone(), self.last_turn);
    }
}

#[cfg(test)]
#[path = "queue/tests.rs"]
mod tests;
