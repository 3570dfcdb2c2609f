//! A task and what may happen to it.
//!
//! ```text
//!            ready              lease               finish
//!  created -------> ready ----------------> leased ---------> finished
//!                     ^   <-- the lease ended, |
//!                     |       or fail          | too many attempts, or fail for good
//!                     +---- retry ---- dead <--+
//! ```
//!
//! Who finishes or fails a task shows the token of the lease. A lease that ended but was not given to another yet may still be
//! finished: the work is done. One that was given away may not ([`Conflict`]). The first system's workers have no token; they are
//! trusted as they were there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Milliseconds since 1970.
pub type Millis = u64;

/// Where a task is; the numbers are the wire's, 3 is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "i8", try_from = "i8")]
pub enum State {
    /// Made, but its picture may not be there yet.
    Created = -1,
    /// May be handed out.
    Ready = 0,
    /// Somebody works on it.
    Leased = 1,
    /// Done.
    Finished = 2,
    /// Given up: the dead-letter list.
    Dead = 3,
}

impl State {
    /// All states.
    pub const ALL: [Self; 5] = [
        Self::Created,
        Self::Ready,
        Self::Leased,
        Self::Finished,
        Self::Dead,
    ];

    /// Its name, in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Finished => "finished",
            Self::Dead => "dead",
        }
    }
}

impl From<State> for i8 {
    fn from(state: State) -> Self {
        state as Self
    }
}

impl TryFrom<i8> for State {
    type Error = String;

    fn try_from(number: i8) -> Result<Self, String> {
        let state = Self::ALL.into_iter().find(|state| i8::from(*state) == number);
        state.ok_or_else(|| format!("{number} is no state; states are -1 to 3"))
    }
}

/// Why a change was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Conflict {
    /// Finished or failed with the token of a lease that another has now, or had after.
    #[error("the lease ended and the task was given to another; what you did is not counted")]
    GivenAway,
    /// A step that does not start from the state the task is in.
    #[error("the task is {}, so it cannot be {}", .from.name(), .to)]
    State {
        /// Where the task is.
        from: State,
        /// What was asked.
        to: &'static str,
    },
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Unique everywhere; version 7, so that ids sort by time.
    pub id: Uuid,
    /// Where it is.
    pub state: State,
    /// What is to be done.
    #[serde(rename = "type")]
    pub kind: String,
    /// What else the worker has to know.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
    /// How often it was handed out since it was made or retried.
    pub attempts: u32,
    /// The last lease.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Uuid>,
    /// When that ends; 0 without one.
    #[serde(default)]
    pub leased_until: Millis,
    /// When it was made.
    pub created: Millis,
    /// When its state last changed.
    pub changed: Millis,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The trace it was made in, as a `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl Task {
    /// A new task.
    #[must_use]
    pub fn new(kind: String, params: BTreeMap<String, String>, trace: Option<String>, now: Millis) -> Self {
        Self {
            id: Uuid::now_v7(),
            state: State::Created,
            kind,
            params,
            attempts: 0,
            lease: None,
            leased_until: 0,
            created: now,
            changed: now,
            error: None,
            trace,
        }
    }

    fn enter(&mut self, state: State, now: Millis) {
        self.state = state;
        self.changed = now;
    }

    const fn cannot(&self, to: &'static str) -> Conflict {
        Conflict::State { from: self.state, to }
    }

    /// May be handed out from now on. Saying so again changes nothing.
    ///
    /// # Errors
    ///
    /// The task was given up.
    pub fn ready(&mut self, now: Millis) -> Result<(), Conflict> {
        match self.state {
            State::Created => self.enter(State::Ready, now),
            State::Ready | State::Leased | State::Finished => {}
            State::Dead => return Err(self.cannot("ready; retry it")),
        }
        Ok(())
    }

    /// Handed out. The caller found it ready.
    pub fn hand_out(&mut self, lease: Uuid, until: Millis, now: Millis) {
        self.enter(State::Leased, now);
        self.attempts += 1;
        self.lease = Some(lease);
        self.leased_until = until;
    }

    /// Done. Saying so again with the same token is the same success.
    ///
    /// # Errors
    ///
    /// The lease was given away, or the task was never handed out.
    pub fn finish(&mut self, lease: Option<Uuid>, now: Millis) -> Result<(), Conflict> {
        self.own(lease, "finished")?;
        if self.state != State::Finished {
            self.enter(State::Finished, now);
            self.error = None;
        }
        Ok(())
    }

    /// Not done. With `for_good`, or after `attempts`, it is given up.
    ///
    /// # Errors
    ///
    /// The lease was given away or ended, or the task is finished.
    pub fn fail(
        &mut self,
        lease: Option<Uuid>,
        error: String,
        for_good: bool,
        attempts: u32,
        now: Millis,
    ) -> Result<(), Conflict> {
        self.own(lease, "failed")?;
        if self.state != State::Leased {
            return Err(self.cannot("failed"));
        }
        self.give_back(error, for_good, attempts, now);
        Ok(())
    }

    /// The lease ended: back to ready, or given up after `attempts`.
    pub fn expire(&mut self, attempts: u32, now: Millis) {
        self.give_back(
            "the lease ended before the work did".to_owned(),
            false,
            attempts,
            now,
        );
    }

    fn give_back(&mut self, error: String, for_good: bool, attempts: u32, now: Millis) {
        let over = for_good || self.attempts >= attempts;
        self.error = Some(error);
        self.enter(if over { State::Dead } else { State::Ready }, now);
    }

    /// From the dead-letter list back to ready, with all its attempts.
    ///
    /// # Errors
    ///
    /// It is not dead.
    pub fn retry(&mut self, now: Millis) -> Result<(), Conflict> {
        if self.state != State::Dead {
            return Err(self.cannot("retried"));
        }
        self.attempts = 0;
        self.lease = None;
        self.enter(State::Ready, now);
        Ok(())
    }

    /// Whether `lease` may speak for this task.
    fn own(&self, lease: Option<Uuid>, to: &'static str) -> Result<(), Conflict> {
        match (self.state, lease) {
            (_, Some(lease)) if self.lease == Some(lease) => Ok(()),
            (_, Some(_)) => Err(Conflict::GivenAway),
            (State::Created | State::Dead, None) => Err(self.cannot(to)),
            (State::Ready, None) if self.attempts == 0 => Err(self.cannot(to)),
            (State::Ready | State::Leased | State::Finished, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTEMPTS: u32 = 3;

    fn ready() -> Task {
        let mut task = Task::new("invert".to_owned(), BTreeMap::new(), None, 0);
        task.ready(1).unwrap();
        task
    }

    fn leased() -> (Task, Uuid) {
        let (mut task, lease) = (ready(), Uuid::now_v7());
        task.hand_out(lease, 100, 2);
        (task, lease)
    }

    #[test]
    fn a_task_is_done_once_and_may_be_said_twice() {
        let (mut task, lease) = leased();
        task.finish(Some(lease), 3).unwrap();
        task.finish(Some(lease), 4).unwrap();
        assert_eq!((task.state, task.changed), (State::Finished, 3));
        task.ready(5).unwrap();
        assert_eq!(task.state, State::Finished);
        let other = task.finish(Some(Uuid::now_v7()), 6);
        assert_eq!(other, Err(Conflict::GivenAway));
    }

    #[test]
    fn a_lease_that_ended_may_finish_until_it_is_given_away() {
        let (mut task, first) = leased();
        task.expire(ATTEMPTS, 100);
        assert_eq!(task.state, State::Ready);
        let mut late = task.clone();
        late.finish(Some(first), 101).unwrap();
        assert_eq!(late.state, State::Finished);

        let second = Uuid::now_v7();
        task.hand_out(second, 200, 101);
        assert_eq!(task.finish(Some(first), 102), Err(Conflict::GivenAway));
        assert_eq!(
            task.fail(Some(first), String::new(), true, ATTEMPTS, 102),
            Err(Conflict::GivenAway)
        );
        assert_eq!(task.state, State::Leased);
        task.finish(Some(second), 103).unwrap();
    }

    #[test]
    fn attempts_are_bounded_and_the_dead_can_be_retried() {
        let mut task = ready();
        for attempt in 1..=ATTEMPTS {
            task.hand_out(Uuid::now_v7(), 100, 2);
            assert_eq!(task.attempts, attempt);
            task.expire(ATTEMPTS, 100);
        }
        assert_eq!(task.state, State::Dead);
        assert!(task.ready(101).is_err());
        assert!(task.finish(None, 101).is_err());
        task.retry(102).unwrap();
        assert_eq!((task.state, task.attempts), (State::Ready, 0));
        assert!(task.retry(103).is_err());
    }

    #[test]
    fn a_failure_for_good_needs_no_more_attempts() {
        let (mut task, lease) = leased();
        task.fail(Some(lease), "no picture".to_owned(), true, ATTEMPTS, 3)
            .unwrap();
        assert_eq!(
            (task.state, task.error.as_deref()),
            (State::Dead, Some("no picture"))
        );
        let (mut task, lease) = leased();
        task.fail(Some(lease), "busy".to_owned(), false, ATTEMPTS, 3)
            .unwrap();
        assert_eq!(task.state, State::Ready);
        assert!(task.fail(Some(lease), String::new(), false, ATTEMPTS, 4).is_err());
    }

    #[test]
    fn workers_without_tokens_are_trusted() {
        let (mut task, _) = leased();
        task.finish(None, 3).unwrap();
        assert_eq!(task.state, State::Finished);
        let mut task = Task::new("invert".to_owned(), BTreeMap::new(), None, 0);
        assert!(task.finish(None, 1).is_err(), "it was never handed out");
    }

    #[test]
    fn states_are_numbers_on_the_wire() {
        for state in State::ALL {
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(text, i8::from(state).to_string());
            assert_eq!(serde_json::from_str::<State>(&text).unwrap(), state);
        }
        assert!(serde_json::from_str::<State>("4").is_err());
    }
}
