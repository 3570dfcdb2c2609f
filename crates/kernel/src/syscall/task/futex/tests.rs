//! The calls under a seeded scheduler that switches wherever a lock is taken: no wake-up is lost, whoever runs when.

use super::*;
use crate::sched::stage::{play, point};
use proptest::prelude::*;
use queue::{Queues, Waiter};
use std::{boxed::Box, collections::VecDeque, sync::atomic::AtomicU64};

/// Seeds of each test; more with `UIGNITER_SEEDS`.
fn seeds() -> core::ops::Range<u64> {
    0..std::env::var("UIGNITER_SEEDS").map_or(150, |seeds| seeds.parse().unwrap())
}

fn address(word: &AtomicU32) -> u64 {
    word.as_ptr() as u64
}

/// As a program loads and changes a word: another thread may come before.
fn load(word: &AtomicU32) -> u32 {
    point();
    word.load(Ordering::SeqCst)
}

fn swap(word: &AtomicU32, value: u32) -> u32 {
    point();
    word.swap(value, Ordering::SeqCst)
}

fn soon() -> Option<Instant> {
    Some(Instant(time::now().0 + 1000))
}

/// A mutex as C libraries have it: 0 free, 1 taken, 2 taken and waited for (Drepper, "Futexes are tricky", mutex2).
#[derive(Debug, Default)]
struct Mutex {
    word: AtomicU32,
    inside: AtomicU32,
}

impl Mutex {
    fn lock(&self, timed: bool) {
        point();
        if self
            .word
            .compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst)
            .is_err()
        {
            self.lock_contended(timed);
        }
        assert_eq!(self.inside.fetch_add(1, Ordering::SeqCst), 0, "two are inside");
    }

    fn lock_contended(&self, timed: bool) {
        while swap(&self.word, 2) != 0 {
            let deadline = if timed { soon() } else { None };
            let ended = wait(address(&self.word), 2, u32::MAX, deadline);
            assert!(
                matches!(ended, Ok(0) | Err(Errno::EAGAIN)) || (timed && ended == Err(Errno::ETIMEDOUT)),
                "{ended:?}"
            );
        }
    }

    fn unlock(&self) {
        assert_eq!(self.inside.fetch_sub(1, Ordering::SeqCst), 1);
        if swap(&self.word, 0) == 2 {
            wake(address(&self.word), 1, u32::MAX);
        }
    }
}

fn actor(f: impl FnOnce() + Send + 'static) -> Box<dyn FnOnce() + Send> {
    Box::new(f)
}

fn nobody_waits(word: &AtomicU32) {
    assert_eq!(
        wake(address(word), usize::MAX, u32::MAX),
        0,
        "somebody is still in the queue"
    );
}

#[test]
fn a_mutex_lets_one_in_and_all_get_their_turn() {
    for seed in seeds() {
        let mutex = Arc::new(Mutex::default());
        let contend = |timed: bool| {
            let mutex = mutex.clone();
            actor(move || {
                for _ in 0..4 {
                    mutex.lock(timed);
                    point();
                    mutex.unlock();
                }
            })
        };
        // Without time-outs in half of them: those would mend a lost wake-up.
        let timed = seed % 2 == 1;
        play(seed, (0..3).map(|_| contend(timed)).collect());
        assert_eq!(mutex.word.load(Ordering::SeqCst), 0);
        nobody_waits(&mutex.word);
    }
}

/// A condition variable whose broadcast moves its waiters to the mutex.
#[derive(Debug, Default)]
struct Condition {
    sequence: AtomicU32,
    mutex: Mutex,
    items: AtomicU32,
}

impl Condition {
    fn take_item(&self) {
        self.mutex.lock(false);
        while self.items.load(Ordering::SeqCst) == 0 {
            let sequence = load(&self.sequence);
            self.mutex.unlock();
            let _ = wait(address(&self.sequence), sequence, u32::MAX, None);
            // Contended, as others may have been moved to the mutex behind this one.
            self.mutex.lock_contended(false);
            self.mutex.inside.fetch_add(1, Ordering::SeqCst);
        }
        self.items.fetch_sub(1, Ordering::SeqCst);
        self.mutex.unlock();
    }

    fn put_items(&self, count: u32, everybody: bool) {
        self.mutex.lock(false);
        self.items.fetch_add(count, Ordering::SeqCst);
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst) + 1;
        if everybody {
            // The mutex is ours and so gets waiters: its word must say that.
            swap(&self.mutex.word, 2);
            let expected = Some((&self.sequence, sequence));
            let moved = requeue(
                address(&self.sequence),
                address(&self.mutex.word),
                1,
                usize::MAX,
                expected,
            );
            assert!(moved.is_ok(), "only the owner of the mutex changes the sequence");
        }
        self.mutex.unlock();
        if !everybody {
            wake(address(&self.sequence), count as usize, u32::MAX);
        }
    }
}

#[test]
fn a_condition_variable_loses_nobody_to_the_requeue() {
    for seed in seeds() {
        let condition = Arc::new(Condition::default());
        let mut actors: Vec<_> = (0..4)
            .map(|_| {
                let condition = condition.clone();
                actor(move || condition.take_item())
            })
            .collect();
        let producer = condition.clone();
        actors.push(actor(move || {
            producer.put_items(1, seed % 3 == 0);
            producer.put_items(3, seed % 2 == 0);
        }));
        play(seed, actors);
        nobody_waits(&condition.sequence);
        nobody_waits(&condition.mutex.word);
    }
}

#[test]
fn a_wake_up_is_for_those_whose_bits_it_has() {
    for seed in seeds() {
        let word = Arc::new(AtomicU32::new(0));
        let woken: Arc<[AtomicU32; 3]> = Arc::default();
        let mut actors = Vec::new();
        for bit in 0..3 {
            let (word, woken) = (word.clone(), woken.clone());
            actors.push(actor(move || {
                assert_eq!(wait(address(&word), 0, 1 << bit, None), Ok(0));
                woken[bit as usize].store(1, Ordering::SeqCst);
            }));
        }
        let (word, woken) = (word.clone(), woken.clone());
        actors.push(actor(move || {
            for bit in [1, 2, 0] {
                // Until it is there: the word never changes, so a waiter may come late.
                while wake(address(&word), 1, 1 << bit) == 0 {
                    point();
                }
            }
            let _ = woken;
        }));
        play(seed, actors);
    }
}

#[test]
fn of_a_wake_up_and_a_time_out_one_counts() {
    for seed in seeds() {
        let word = Arc::new(AtomicU32::new(0));
        let counted = Arc::new(AtomicU64::new(0));
        let mut actors = Vec::new();
        for _ in 0..3 {
            let (word, counted) = (word.clone(), counted.clone());
            actors.push(actor(move || match wait(address(&word), 0, u32::MAX, soon()) {
                Ok(_) => drop(counted.fetch_add(1, Ordering::SeqCst)),
                other => assert_eq!(other, Err(Errno::ETIMEDOUT)),
            }));
        }
        let (waker_word, waker_counted) = (word.clone(), counted.clone());
        actors.push(actor(move || {
            for _ in 0..3 {
                let woken = wake(address(&waker_word), 1, u32::MAX) as u64;
                // Each one that the waker counted must count itself as woken, not as late.
                waker_counted.fetch_add(woken << 32, Ordering::SeqCst);
            }
        }));
        play(seed, actors);
        let counted = counted.load(Ordering::SeqCst);
        assert_eq!(counted >> 32, counted & 0xffff_ffff, "seed {seed}");
        nobody_waits(&word);
    }
}

/// One robust mutex and the list that names it (`get_robust_list(2)`): head, offset, pending, and the mutex behind the entry.
#[repr(C)]
#[derive(Debug)]
struct Robust {
    list: [AtomicU64; 3],
    entry: AtomicU64,
    word: AtomicU32,
}

impl Robust {
    fn lock(&self, tid: u32) -> bool {
        loop {
            let value = load(&self.word);
            if value & raw::FUTEX_TID_MASK == 0 {
                let mine = tid | value & raw::FUTEX_WAITERS;
                if self
                    .word
                    .compare_exchange(value, mine, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok()
                {
                    return value & raw::FUTEX_OWNER_DIED != 0;
                }
                continue;
            }
            let waited = value | raw::FUTEX_WAITERS;
            if value == waited
                || self
                    .word
                    .compare_exchange(value, waited, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok()
            {
                let _ = wait(address(&self.word), waited, u32::MAX, None);
            }
        }
    }
}

#[test]
fn a_thread_that_ends_leaves_its_mutex_to_the_next() {
    for seed in seeds() {
        let robust = Arc::new(Robust {
            list: [const { AtomicU64::new(0) }; 3],
            entry: AtomicU64::new(0),
            word: AtomicU32::new(0),
        });
        let head = robust.list.as_ptr() as u64;
        let entry = robust.entry.as_ptr() as u64;
        robust.list[0].store(entry, Ordering::SeqCst);
        robust.list[1].store(address(&robust.word) - entry, Ordering::SeqCst);
        robust.entry.store(head, Ordering::SeqCst);
        let heirs = Arc::new(AtomicU32::new(0));
        let actors = (0..3)
            .map(|_| {
                let (robust, heirs) = (robust.clone(), heirs.clone());
                actor(move || {
                    let tid = sched::current().tid;
                    let died = robust.lock(tid as u32);
                    heirs.fetch_add(u32::from(died), Ordering::SeqCst);
                    point();
                    // It ends as owner.
                    release_robust_list(head, tid);
                })
            })
            .collect();
        play(seed, actors);
        assert_eq!(
            heirs.load(Ordering::SeqCst),
            2,
            "all but the first inherit, seed {seed}"
        );
        nobody_waits(&robust.word);
    }
}

/// One waiter as the model has it: name, place, bits, priority.
type Entry = (usize, u64, u32, u8);

/// Puts an entry behind those of its place that have its priority or a higher one.
fn insert(model: &mut VecDeque<Entry>, entry: Entry) {
    let before = |other: &Entry| other.1 == entry.1 && other.3 < entry.3;
    let at = model.iter().position(before).unwrap_or(model.len());
    model.insert(at, entry);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(u64, u32, u8),
    Leave(usize),
    Take(u64, usize, u32),
    Shift(u64, u64, usize),
}

fn any_step() -> impl Strategy<Value = Step> {
    let place = || (0u64..3).prop_map(|place| place * 4);
    prop_oneof![
        3 => (place(), 1u32..8, 0u8..3).prop_map(|(place, bits, priority)| Step::Enter(place, bits, priority)),
        1 => (0usize..40).prop_map(Step::Leave),
        1 => (place(), 0usize..4, 1u32..8).prop_map(|(place, count, bits)| Step::Take(place, count, bits)),
        1 => (place(), place(), 0usize..4).prop_map(|(from, to, count)| Step::Shift(from, to, count)),
    ]
}

proptest! {
    /// The queues do what a plain list does.
    #[test]
    fn queues_are_as_a_list(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut queues = Queues::new();
        let mut waiters: Vec<Arc<Waiter>> = Vec::new();
        let mut model: VecDeque<Entry> = VecDeque::new();
        for step in steps {
            match step {
                Step::Enter(place, bits, priority) => {
                    let waiter = Waiter::new(sched::current(), bits, priority);
                    queues.enter(place, waiter.clone());
                    insert(&mut model, (waiters.len(), place, bits, priority));
                    waiters.push(waiter);
                }
                Step::Leave(name) => {
                    let Some(waiter) = waiters.get(name) else { continue };
                    let there = model.iter().position(|entry| entry.0 == name);
                    prop_assert_eq!(queues.leave(waiter), there.is_some());
                    there.map(|at| model.remove(at));
                }
                Step::Take(place, count, bits) => {
                    let taken = queues.take(place, count, bits);
                    let meant: Vec<usize> = model
                        .iter()
                        .filter(|entry| entry.1 == place && entry.2 & bits != 0)
                        .take(count)
                        .map(|entry| entry.0)
                        .collect();
                    model.retain(|entry| !meant.contains(&entry.0));
                    prop_assert_eq!(taken.len(), meant.len());
                    for (waiter, name) in taken.iter().zip(meant) {
                        prop_assert!(Arc::ptr_eq(waiter, &waiters[name]));
                    }
                }
                Step::Shift(from, to, count) => {
                    let (moved, rest): (Vec<Entry>, Vec<Entry>) = {
                        let mut left = count;
                        model.iter().partition(|entry| {
                            let meant = entry.1 == from && left > 0;
                            left -= usize::from(meant);
                            meant
                        })
                    };
                    prop_assert_eq!(queues.shift(from, to, count), moved.len());
                    model = rest.into();
                    for (name, _, bits, priority) in moved {
                        insert(&mut model, (name, to, bits, priority));
                    }
                }
            }
            for (name, waiter) in waiters.iter().enumerate() {
                prop_assert_eq!(waiter.is_woken(), !model.iter().any(|entry| entry.0 == name));
            }
        }
    }
}

/// A lock that lends its owner the priority of those who wait, as C libraries have it.
#[derive(Debug, Default)]
struct Lending(AtomicU32);

impl Lending {
    fn lock(&self) {
        let me = sched::current();
        point();
        let free = self
            .0
            .compare_exchange(0, me.tid as u32, Ordering::SeqCst, Ordering::SeqCst);
        if free.is_err() {
            assert_eq!(pi::lock(address(&self.0), None), Ok(0));
        }
        self.assert_lent();
    }

    /// Who is inside is not behind any of those who wait.
    fn assert_lent(&self) {
        let me = sched::current();
        point();
        let waiting = pi::highest_waiting(address(&self.0));
        let mine = me.effective().priority;
        assert!(mine >= waiting, "{mine} holds up {waiting}");
    }

    fn unlock(&self) {
        self.assert_lent();
        let mine = sched::current().tid as u32;
        let alone = self
            .0
            .compare_exchange(mine, 0, Ordering::SeqCst, Ordering::SeqCst);
        if alone.is_err() {
            assert_eq!(pi::unlock(address(&self.0)), Ok(0));
        }
    }
}

#[test]
fn owners_run_with_the_priority_of_whoever_waits_for_them_at_the_end_of_any_chain() {
    for seed in seeds() {
        let locks = Arc::new([Lending::default(), Lending::default()]);
        let work = |priority: u8, wanted: &'static [usize]| {
            let locks = locks.clone();
            actor(move || {
                let me = sched::current();
                let wishes = sched::Wishes {
                    policy: if priority > 0 {
                        raw::SCHED_FIFO
                    } else {
                        raw::SCHED_NORMAL
                    },
                    priority,
                    ..me.wishes()
                };
                for _ in 0..3 {
                    sched::set_wishes(&me, wishes);
                    priority_changed(me.tid);
                    wanted.iter().for_each(|&lock| locks[lock].lock());
                    wanted.iter().rev().for_each(|&lock| locks[lock].unlock());
                    assert_eq!(me.boost(), 0, "what was lent is given back");
                }
            })
        };
        // The first holds one lock while it waits for the other.
        let actors = vec![work(0, &[0, 1]), work(10, &[1]), work(30, &[0]), work(20, &[1])];
        play(seed, actors);
        assert_eq!(locks.each_ref().map(|lock| lock.0.load(Ordering::SeqCst)), [0, 0]);
    }
}
