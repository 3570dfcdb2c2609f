//! The seam: where tasks are kept.
//!
//! What may happen to a task is [`Task`]'s own; an engine only has to carry a change out as a whole or not at all, keep it over a
//! crash, and find tasks by state in the order of their time.

use std::{collections::BTreeMap, fmt};

use async_trait::async_trait;
use uuid::Uuid;

use super::task::{Conflict, Millis, State, Task};

/// Why the engine did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The file.
    #[error("the queue's file: {0}; is the disk full, or another scheduler at it?")]
    Embedded(#[from] Box<redb::Error>),
    /// The database.
    #[error("PostgreSQL: {0}; is the server up and the address right?")]
    Postgres(String),
    /// What is stored cannot be read.
    #[error("a task that is stored cannot be read ({0}); was it written by another version?")]
    Stored(String),
    /// The engine has ended.
    #[error("the queue has ended; restart the scheduler")]
    Ended,
    /// There are too many tasks.
    #[error("the queue is full ({0} tasks); wait until some are done")]
    Full(u64),
}

/// Something that happens to one task.
pub type Change = Box<dyn FnOnce(&mut Task) -> Result<(), Conflict> + Send>;

/// How a lease is to be.
#[derive(Clone, Copy, Debug)]
pub struct Grant {
    /// Its token.
    pub lease: Uuid,
    /// When it ends.
    pub until: Millis,
    /// What time it is.
    pub now: Millis,
}

/// How many tasks are in each state.
pub type Counts = BTreeMap<State, u64>;

/// A queue.
#[async_trait]
pub trait Queue: fmt::Debug + Send + Sync {
    /// The same for all schedulers that have this queue, and for nobody else.
    fn name(&self) -> String;

    /// Whether other schedulers use it too.
    fn shared(&self) -> bool {
        false
    }

    /// Adds a task.
    ///
    /// # Errors
    ///
    /// The engine did not do it; so for all here.
    async fn insert(&self, task: Task) -> Result<(), QueueError>;

    /// A task, if there is one of that id.
    ///
    /// # Errors
    ///
    /// See [`insert`](Self::insert).
    async fn get(&self, id: Uuid) -> Result<Option<Task>, QueueError>;

    /// Changes a task and returns what it is now; `None` if there is none of that id.
    ///
    /// # Errors
    ///
    /// See [`insert`](Self::insert). A refused change is no error of the engine.
    async fn change(&self, id: Uuid, change: Change) -> Result<Option<Result<Task, Conflict>>, QueueError>;

    /// Hands out the task that has been ready for the longest time.
    ///
    /// # Errors
    ///
    /// See [`insert`](Self::insert).
    async fn lease(&self, grant: Grant) -> Result<Option<Task>, QueueError>;

    /// Ends the leases that are over, and returns the tasks.
    ///
    /// # Errors
    ///
    /// See [`insert`](Self::insert).
    async fn expire(&self, attempts: u32, now: Millis) -> Result<Vec<Task>, QueueError>;

    /// Removes tasks in `states` that have not changed since `before`; says how many.
    ///
    /// # Errors
    ///
    /// See [`insert`](Self::insert).
    async fn purge(&self, states: &'static [State], before: Millis) -> Result<u64, QueueError>;

    /// Tasks, the last changed first, at most `limit`, of one state or of all.
    ///
    /// # Errors
    ///
    /// See [`insert`](Self::insert).
    async fn list(&self, state: Option<State>, limit: usize) -> Result<Vec<Task>, QueueError>;

    /// How many there are in each state.
    ///
    /// # Errors
    ///
    /// See [`insert`](Self::insert).
    async fn counts(&self) -> Result<Counts, QueueError>;
}
