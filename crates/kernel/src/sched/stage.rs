//! A seeded scheduler for tests on the host: several threads of the program, of which one runs at a time, and at each point where another processor could
//! come in between the seed says who goes on.
//!
//! Such a point is before a lock is taken, before a thread blocks, and wherever a test says [`point`]. So what the kernel does runs as it is, in
//! interleavings that one processor would not show in years, and a seed that fails fails again. Time stands still but for threads that wait for it:
//! one of them may be chosen, and the clock moves to its deadline.

use super::{Thread, Wishes};
use crate::{signal::ThreadSignals, time::Instant};
use std::{
    cell::RefCell,
    panic,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    vec::Vec,
};

/// What an actor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Ready,
    /// Until it is woken or that time has come.
    Blocked(Option<Instant>),
    Ended,
}

#[derive(Debug)]
struct State {
    doing: Vec<Doing>,
    /// Woken while it was not blocked.
    woken: Vec<bool>,
    turn: Option<usize>,
    threads: Vec<Arc<Thread>>,
    clock: Instant,
    random: u64,
    /// Why no one may go on.
    failed: Option<String>,
}

/// The threads of one test.
#[derive(Debug)]
pub(crate) struct Stage {
    state: Mutex<State>,
    changed: Condvar,
}

/// Who a host thread is: on which stage, its number there, its thread of the program.
type Actor = (Arc<Stage>, usize, Arc<Thread>);

std::thread_local! {
    static ACTOR: RefCell<Option<Actor>> = const { RefCell::new(None) };
}

/// The one who runs this, if it is an actor.
fn actor() -> Option<(Arc<Stage>, usize)> {
    ACTOR.with_borrow(|actor| actor.as_ref().map(|(stage, me, _)| (stage.clone(), *me)))
}

/// The actor's thread.
pub(super) fn current() -> Option<Arc<Thread>> {
    ACTOR.with_borrow(|actor| actor.as_ref().map(|(_, _, thread)| thread.clone()))
}

/// All actors' threads that have come on and not ended, if this is run by an actor.
pub(super) fn threads() -> Option<Vec<Arc<Thread>>> {
    actor().map(|(stage, _)| stage.state().threads.clone())
}

/// The stage's clock.
pub(crate) fn now() -> Option<Instant> {
    actor().map(|(stage, _)| stage.state().clock)
}

/// Here another one may go on.
pub(crate) fn point() {
    if let Some((stage, me)) = actor() {
        stage.hand_over(me, Doing::Ready);
    }
}

/// Blocks the actor; false if this is none.
pub(super) fn block(deadline: Option<Instant>) -> bool {
    let Some((stage, me)) = actor() else { return false };
    stage.hand_over(me, Doing::Ready);
    if !std::mem::take(&mut stage.state().woken[me]) {
        stage.hand_over(me, Doing::Blocked(deadline));
    }
    true
}

impl Stage {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes an actor.
    pub(super) fn wake(&self, who: usize) {
        let mut state = self.state();
        match state.doing[who] {
            Doing::Blocked(_) => state.doing[who] = Doing::Ready,
            _ => state.woken[who] = true,
        }
    }

    /// The actor does that now, somebody goes on, and this comes back when it is the actor's turn.
    fn hand_over(&self, me: usize, doing: Doing) {
        let mut state = self.state();
        state.doing[me] = doing;
        state.choose();
        self.changed.notify_all();
        if doing != Doing::Ended {
            self.wait_for_turn(me, state);
        }
    }

    fn wait_for_turn(&self, me: usize, mut state: MutexGuard<'_, State>) {
        while state.turn != Some(me) && state.failed.is_none() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(why) = state.failed.clone() {
            drop(state);
            // Not `panic!`: the first one has been reported.
            panic::resume_unwind(Box::new(why));
        }
    }
}

impl State {
    fn random(&mut self) -> u64 {
        // xorshift64*
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Says whose turn it is: one that is ready, seldom one whose time comes though others are ready, and that if nobody is.
    fn choose(&mut self) {
        let all = || 0..self.doing.len();
        let ready: Vec<usize> = all().filter(|&who| self.doing[who] == Doing::Ready).collect();
        let timed: Vec<usize> = all()
            .filter(|&who| matches!(self.doing[who], Doing::Blocked(Some(_))))
            .collect();
        let from = if ready.is_empty() || (!timed.is_empty() && self.random().is_multiple_of(16)) {
            timed
        } else {
            ready
        };
        if from.is_empty() {
            self.turn = None;
            if self.doing.iter().any(|doing| *doing != Doing::Ended) {
                self.failed = Some(format!("nobody can go on: {:?}", self.doing));
            }
            return;
        }
        let who = from[(self.random() >> 33) as usize % from.len()];
        if let Doing::Blocked(Some(deadline)) = self.doing[who] {
            self.clock = self.clock.max(deadline);
        }
        self.doing[who] = Doing::Ready;
        self.turn = Some(who);
    }
}

/// Runs the actors to their ends, interleaved as the seed says.
///
/// # Panics
///
/// If one panics, or if none can go on before all have ended.
pub(crate) fn play(seed: u64, actors: Vec<Box<dyn FnOnce() + Send>>) {
    let count = actors.len();
    let stage = Arc::new(Stage {
        state: Mutex::new(State {
            doing: vec![Doing::Ready; count],
            woken: vec![false; count],
            turn: None,
            threads: Vec::new(),
            clock: Instant(1_000_000_000),
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            failed: None,
        }),
        changed: Condvar::new(),
    });
    stage.state().choose();
    let running: Vec<_> = actors
        .into_iter()
        .enumerate()
        .map(|(me, actor)| {
            let stage = stage.clone();
            std::thread::spawn(move || {
                let mut thread = Thread::new(me as i32 + 1, ThreadSignals::default(), Wishes::default());
                thread.stage = Some((stage.clone(), me));
                let thread = Arc::new(thread);
                stage.state().threads.push(thread.clone());
                ACTOR.set(Some((stage.clone(), me, thread.clone())));
                let ended = panic::catch_unwind(panic::AssertUnwindSafe(|| {
                    stage.wait_for_turn(me, stage.state());
                    actor();
                }));
                ACTOR.take();
                if ended.is_err() {
                    let mut state = stage.state();
                    state.failed.get_or_insert_with(|| format!("actor {me} panicked"));
                }
                stage.state().threads.retain(|other| !Arc::ptr_eq(other, &thread));
                stage.hand_over(me, Doing::Ended);
            })
        })
        .collect();
    for thread in running {
        let _ = thread.join();
    }
    let failed = stage.state().failed.clone();
    assert_eq!(failed, None, "with seed {seed}");
}
