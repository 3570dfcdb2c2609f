use super::*;
use proptest::prelude::*;
use std::sync::Arc;

#[derive(Clone, Debug)]
struct Thread(usize, Arc<Account>);

impl Seat for Thread {
    fn account(&self) -> &Account {
        &self.1
    }

    fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

fn thread(name: usize, wishes: Wishes) -> Thread {
    Thread(name, Arc::new(Account::new(wishes)))
}

fn nice(nice: i8) -> Wishes {
    Wishes {
        nice,
        ..Wishes::default()
    }
}

fn policy(policy: u32, priority: u8) -> Wishes {
    Wishes {
        policy,
        priority,
        ..Wishes::default()
    }
}

/// A processor with a clock of its own: threads run until their slice is over, or as long as `busy` says before they sleep.
struct Machine {
    queue: RunQueue<Thread>,
    now: Instant,
    /// When a sleeping thread wakes.
    asleep: Vec<(Instant, Thread)>,
    /// The longest that a thread was ready before it ran, by its name.
    longest: Vec<u64>,
    ready_since: Vec<u64>,
}

impl Machine {
    fn new(threads: &[Thread]) -> Self {
        let mut queue: RunQueue<Thread> = RunQueue::new();
        let now = Instant(1_000_000);
        for thread in threads {
            queue.add(thread.clone(), now);
        }
        Self {
            queue,
            now,
            asleep: Vec::new(),
            longest: vec![0; threads.len()],
            ready_since: vec![now.0; threads.len()],
        }
    }

    /// Runs for that long. `busy` answers for how long a thread that gets the processor works until it sleeps, and then for how long (`None`: it works on).
    fn run(&mut self, span: Duration, mut busy: impl FnMut(usize) -> Option<(u64, u64)>) {
        let end = self.now + span;
        let mut left: Vec<Option<(u64, u64)>> = vec![None; self.longest.len()];
        while self.now < end {
            self.wake_due();
            let Some(thread) = self.queue.choose(self.now) else {
                let Some(next) = self.asleep.iter().map(|(at, _)| *at).min() else {
                    return;
                };
                self.now = next;
                continue;
            };
            let name = thread.0;
            let waited = self.now.0 - self.ready_since[name];
            self.longest[name] = self.longest[name].max(waited);
            if left[name].is_none() {
                left[name] = busy(name);
            }
            loop {
                let wake = self.asleep.iter().map(|(at, _)| *at).min();
                let sleep = left[name].map(|(work, _)| Instant(self.now.0 + work));
                let look = self.queue.look_again(self.now);
                let next = [wake, sleep, look, Some(end)]
                    .into_iter()
                    .flatten()
                    .min()
                    .unwrap();
                let next = next.max(Instant(self.now.0 + 1));
                if let Some((work, _)) = &mut left[name] {
                    *work = work.saturating_sub(next.0 - self.now.0);
                }
                self.now = next;
                self.wake_due();
                if let Some((0, span)) = left[name] {
                    left[name] = None;
                    let thread = self.queue.stop(self.now).unwrap();
                    self.asleep.push((Instant(self.now.0 + span), thread));
                    break;
                }
                if self.now >= end || self.queue.is_over(self.now) {
                    self.queue.put_back(self.now, Leaving::Preempted);
                    self.ready_since[name] = self.now.0;
                    break;
                }
            }
        }
    }

    fn wake_due(&mut self) {
        let now = self.now;
        let (due, later) = self.asleep.drain(..).partition(|(at, _)| *at <= now);
        self.asleep = later;
        let due: Vec<(Instant, Thread)> = due;
        for (_, thread) in due {
            self.ready_since[thread.0] = now.0;
            self.queue.wake(thread, now);
        }
    }
}

fn used(thread: &Thread) -> f64 {
    thread.1.cpu_time(Instant(0)) as f64
}

#[test]
fn busy_threads_get_equal_shares() {
    let threads = [0, 1, 2].map(|name| thread(name, nice(0)));
    let mut machine = Machine::new(&threads);
    machine.run(Duration::from_secs(1), |_| None);
    for thread in &threads {
        assert!((used(thread) / 1e9 - 1.0 / 3.0).abs() < 0.01, "{}", used(thread));
    }
    assert!(
        machine.longest.iter().all(|&wait| wait <= 7_000_000),
        "{:?}",
        machine.longest
    );
}

#[test]
fn a_nicer_thread_gets_less_and_never_nothing() {
    let threads = [thread(0, nice(0)), thread(1, nice(10)), thread(2, nice(19))];
    let mut machine = Machine::new(&threads);
    machine.run(Duration::from_secs(10), |_| None);
    let ratio = used(&threads[0]) / used(&threads[1]);
    assert!((8.0..11.0).contains(&ratio), "{ratio}");
    assert!(used(&threads[2]) > 1e8, "{}", used(&threads[2]));
}

#[test]
fn idle_threads_run_when_there_is_nothing_better() {
    let threads = [thread(0, nice(0)), thread(1, policy(raw::SCHED_IDLE, 0))];
    let mut machine = Machine::new(&threads);
    machine.run(Duration::from_secs(10), |_| None);
    let share = used(&threads[1]) / 1e10;
    assert!(share > 0.001 && share < 0.01, "{share}");
}

#[test]
fn realtime_goes_first_and_leaves_something() {
    let threads = [thread(0, nice(-20)), thread(1, policy(raw::SCHED_FIFO, 1))];
    let mut machine = Machine::new(&threads);
    machine.run(Duration::from_secs(10), |_| None);
    let share = used(&threads[1]) / 1e10;
    assert!((0.93..0.97).contains(&share), "{share}");
}

#[test]
fn the_higher_priority_has_it_all_and_rounds_are_shared() {
    let threads = [
        thread(0, policy(raw::SCHED_FIFO, 10)),
        thread(1, policy(raw::SCHED_RR, 20)),
        thread(2, policy(raw::SCHED_RR, 20)),
    ];
    let mut machine = Machine::new(&threads);
    machine.run(Duration::from_secs(4), |_| None);
    assert!(used(&threads[0]) < 1.0);
    assert!((used(&threads[1]) / used(&threads[2]) - 1.0).abs() < 0.06);
}

#[test]
fn first_in_first_out_has_no_slices() {
    let threads = [0, 1].map(|name| thread(name, policy(raw::SCHED_FIFO, 5)));
    let mut machine = Machine::new(&threads);
    machine.run(Duration::from_secs(4), |_| None);
    assert!(used(&threads[1]) < 1.0);
}

#[test]
fn a_sleeper_runs_at_once_beside_busy_threads() {
    let threads = [0, 1, 2, 3, 4].map(|name| thread(name, nice(0)));
    let mut machine = Machine::new(&threads);
    // Thread 4 works 0.1 ms in every 5.
    machine.run(Duration::from_secs(2), |name| {
        (name == 4).then_some((100_000, 4_900_000))
    });
    assert!(
        machine.longest[4] <= 12_000_000,
        "its first turn: {:?}",
        machine.longest
    );
    machine.longest[4] = 0;
    machine.run(Duration::from_secs(2), |name| {
        (name == 4).then_some((100_000, 4_900_000))
    });
    assert_eq!(machine.longest[4], 0, "woken, it waits for nobody");
}

#[test]
fn a_lone_thread_is_not_looked_at() {
    let mut machine = Machine::new(&[thread(0, nice(0))]);
    assert!(machine.queue.choose(machine.now).is_some());
    assert_eq!(machine.queue.look_again(machine.now), None, "tickless");
}

#[test]
fn who_yields_comes_after_the_others() {
    let threads = [0, 1, 2].map(|name| thread(name, nice(0)));
    let mut machine = Machine::new(&threads);
    let mut order = Vec::new();
    for _ in 0..6 {
        let thread = machine.queue.choose(machine.now).unwrap();
        order.push(thread.0);
        machine.now = machine.now + Duration::from_micros(10);
        machine.queue.put_back(machine.now, Leaving::Yielded);
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[test]
fn what_is_inherited_can_be_reset() {
    let wishes = Wishes {
        reset_on_fork: true,
        ..policy(raw::SCHED_RR, 7)
    };
    assert_eq!(wishes.inherited(), Wishes::default());
    assert_eq!(nice(3).inherited(), nice(3));
}

fn any_wishes() -> impl Strategy<Value = Wishes> {
    prop_oneof![
        4 => (-20i8..=19).prop_map(nice),
        1 => Just(policy(raw::SCHED_BATCH, 0)),
        1 => Just(policy(raw::SCHED_IDLE, 0)),
        1 => (1u8..=99).prop_map(|priority| policy(raw::SCHED_FIFO, priority)),
        1 => (1u8..=99).prop_map(|priority| policy(raw::SCHED_RR, priority)),
    ]
}

/// What can happen to a queue.
#[derive(Clone, Copy, Debug)]
enum Step {
    Choose,
    Sleep,
    Wake(usize),
    Yield,
    Tick(u64),
    Wish(usize, Wishes),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Choose),
        Just(Step::Sleep),
        (0usize..6).prop_map(Step::Wake),
        Just(Step::Yield),
        (1u64..5_000_000).prop_map(Step::Tick),
        ((0usize..6), any_wishes()).prop_map(|(name, wishes)| Step::Wish(name, wishes)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happens: every thread is in one place, is never lost, time is charged once, and a realtime thread of higher priority goes first.
    #[test]
    fn nobody_is_lost_and_time_is_charged_once(steps in prop::collection::vec(any_step(), 1..200)) {
        let threads: Vec<Thread> = (0..6).map(|name| thread(name, nice(0))).collect();
        let mut queue: RunQueue<Thread> = RunQueue::new();
        let mut now = Instant(1_000_000);
        let (mut asleep, mut running, mut busy) = (vec![true; 6], None::<usize>, 0);
        for step in steps {
            match step {
                Step::Choose => {
                    if running.is_some() {
                        queue.put_back(now, Leaving::Preempted);
                    }
                    let chosen = queue.choose(now);
                    prop_assert_eq!(chosen.is_some(), asleep.iter().any(|asleep| !asleep));
                    running = chosen.map(|thread| thread.0);
                    if let Some(name) = running {
                        prop_assert!(!asleep[name]);
                    }
                }
                Step::Sleep => {
                    if let Some(name) = running.take() {
                        prop_assert_eq!(queue.stop(now).map(|thread| thread.0), Some(name));
                        asleep[name] = true;
                    }
                }
                Step::Wake(name) if asleep[name] => {
                    asleep[name] = false;
                    queue.wake(threads[name].clone(), now);
                }
                Step::Wake(_) => {}
                Step::Yield => {
                    if running.take().is_some() {
                        queue.put_back(now, Leaving::Yielded);
                    }
                }
                Step::Tick(span) => {
                    now = Instant(now.0 + span);
                    busy += if running.is_some() { span } else { 0 };
                }
                Step::Wish(name, wishes) => {
                    queue.settle(now);
                    threads[name].1.set_wishes(wishes);
                    queue.moved(&threads[name]);
                }
            }
            let total: u64 = threads.iter().map(|thread| thread.1.cpu_time(now)).sum();
            prop_assert_eq!(total, busy);
        }
        // All that are awake come out, the realtime ones by priority first.
        if running.is_some() {
            queue.put_back(now, Leaving::Preempted);
        }
        let mut order = Vec::new();
        while let Some(thread) = queue.choose(now) {
            order.push(thread.1.wishes());
            queue.stop(now);
        }
        prop_assert_eq!(order.len(), asleep.iter().filter(|asleep| !**asleep).count());
        let priorities: Vec<u8> = order.iter().map(|wishes| wishes.priority).filter(|&priority| priority > 0).collect();
        prop_assert!(priorities.is_sorted_by(|a, b| a >= b));
    }

    /// No thread starves: with any mix of fair threads that work and sleep as they like, each that is ready runs within a bound that its weight gives.
    #[test]
    fn nobody_starves(
        wishes in prop::collection::vec((-5i8..=5).prop_map(nice), 2..6),
        habits in prop::collection::vec(prop::option::of((1_000u64..4_000_000, 1_000u64..8_000_000)), 6),
    ) {
        let threads: Vec<Thread> = wishes.iter().enumerate().map(|(name, &wishes)| thread(name, wishes)).collect();
        let mut machine = Machine::new(&threads);
        machine.run(Duration::from_secs(2), |name| habits[name]);
        // A slice of the lightest one's virtual time, run by the heaviest of each other thread, and the credit of sleepers.
        let total: u64 = wishes.iter().map(|wishes| wishes.weight()).sum();
        for (name, wishes) in wishes.iter().enumerate() {
            let bound = 4 * SLICE.as_nanos() as u64 * total / wishes.weight() + 10_000_000;
            prop_assert!(machine.longest[name] <= bound, "{name} waited {} of {bound} ns", machine.longest[name]);
        }
    }
}
