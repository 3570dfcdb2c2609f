//! Leases, their ends, waiting workers, and what is swept away.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    queue::{Change, Counts, Grant, Queue, QueueError},
    task::{Conflict, Millis, State, Task},
};

/// How often old tasks are looked for.
const PURGE: Duration = Duration::from_secs(600);
/// How often a queue that others fill too is asked while a worker waits.
const SHARED_POLL: Duration = Duration::from_millis(250);

/// What the operator decides.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// How long a task is lent.
    pub lease: Duration,
    /// How often a task is handed out before it is given up.
    pub attempts: u32,
    /// How long finished and dead tasks are remembered.
    pub keep: Duration,
    /// How long a task may be without its picture.
    pub abandon: Duration,
}

/// What happened to a task that was asked for by its id: the outer `None` is no such task.
pub type Changed = Option<Result<Task, Conflict>>;

/// The scheduler over a queue.
#[derive(Debug)]
pub struct Scheduler {
    queue: Arc<dyn Queue>,
    policy: Policy,
    /// A task became ready.
    ready: Notify,
    /// A lease was given; the sweeper sleeps while there is none.
    leased: Notify,
}

/// Milliseconds since 1970, now.
#[must_use]
pub fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    millis(since)
}

fn millis(duration: Duration) -> Millis {
    Millis::try_from(duration.as_millis()).unwrap_or(Millis::MAX)
}

impl Scheduler {
    /// Over `queue`. [`sweep`](Self::sweep) has to run beside it.
    #[must_use]
    pub fn new(queue: Arc<dyn Queue>, policy: Policy) -> Self {
        let (ready, leased) = (Notify::new(), Notify::new());
        Self {
            queue,
            policy,
            ready,
            leased,
        }
    }

    /// What the operator decided.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The queue's name; the same for all schedulers that have it.
    #[must_use]
    pub fn queue_name(&self) -> String {
        self.queue.name()
    }

    /// Adds a task that is not ready yet.
    ///
    /// # Errors
    ///
    /// The queue did not take it; so for all here.
    pub async fn create(&self, task: Task) -> Result<(), QueueError> {
        self.queue.insert(task).await
    }

    /// The task `id`.
    ///
    /// # Errors
    ///
    /// See [`create`](Self::create).
    pub async fn get(&self, id: Uuid) -> Result<Option<Task>, QueueError> {
        self.queue.get(id).await
    }

    /// Lets `id` be handed out.
    ///
    /// # Errors
    ///
    /// See [`create`](Self::create).
    pub async fn ready(&self, id: Uuid) -> Result<Changed, QueueError> {
        self.change(id, |task| task.ready(now())).await
    }

    /// Ends `id`; `lease` is the token of whoever did it.
    ///
    /// # Errors
    ///
    /// See [`create`](Self::create).
    pub async fn finish(&self, id: Uuid, lease: Option<Uuid>) -> Result<Changed, QueueError> {
        self.change(id, move |task| task.finish(lease, now())).await
    }

    /// Gives `id` back, or up.
    ///
    /// # Errors
    ///
    /// See [`create`](Self::create).
    pub async fn fail(
        &self,
        id: Uuid,
        lease: Option<Uuid>,
        error: String,
        for_good: bool,
    ) -> Result<Changed, QueueError> {
        let attempts = self.policy.attempts;
        self.change(id, move |task| task.fail(lease, error, for_good, attempts, now()))
            .await
    }

    /// Takes `id` from the dead-letter list.
    ///
    /// # Errors
    ///
    /// See [`create`](Self::create).
    pub async fn retry(&self, id: Uuid) -> Result<Changed, QueueError> {
        self.change(id, |task| task.retry(now())).await
    }

    async fn change(
        &self,
        id: Uuid,
        change: impl FnOnce(&mut Task) -> Result<(), Conflict> + Send + 'static,
    ) -> Result<Changed, QueueError> {
        let change: Change = Box::new(change);
        let changed = self.queue.change(id, change).await?;
        if let Some(Ok(task)) = &changed
            && task.state == State::Ready
        {
            self.ready.notify_one();
        }
        Ok(changed)
    }

    /// Lends the next task, waiting for one up to `wait` or until `stop`.
    ///
    /// # Errors
    ///
    /// See [`create`](Self::create).
    pub async fn next(&self, wait: Duration, stop: &CancellationToken) -> Result<Option<Task>, QueueError> {
        let end = Instant::now() + wait;
        loop {
            // Before the look, so that what becomes ready after it is not missed.
            let ready = self.ready.notified();
            let time = now();
            let grant = Grant {
                lease: Uuid::new_v4(),
                until: time.saturating_add(millis(self.policy.lease)),
                now: time,
            };
            if let Some(task) = self.queue.lease(grant).await? {
                self.leased.notify_one();
                return Ok(Some(task));
            }
            if Instant::now() >= end || stop.is_cancelled() {
                return Ok(None);
            }
            let look = match self.queue.shared() {
                true => end.min(Instant::now() + SHARED_POLL),
                false => end,
            };
            // Either way it looks once more.
            let _ = stop.run_until_cancelled(timeout_at(look, ready)).await;
        }
    }

    /// Tasks, the last changed first.
    ///
    /// # Errors
    ///
    /// See [`create`](Self::create).
    pub async fn list(&self, state: Option<State>, limit: usize) -> Result<Vec<Task>, QueueError> {
        self.queue.list(state, limit).await
    }

    /// How many there are in each state.
    ///
    /// # Errors
    ///
    /// See [`create`](Self::create).
    pub async fn counts(&self) -> Result<Counts, QueueError> {
        self.queue.counts().await
    }

    /// Ends leases that are over and removes what is old, until `stop`. Without leases it sleeps.
    pub async fn sweep(&self, stop: CancellationToken) {
        let step = (self.policy.lease / 10).clamp(Duration::from_millis(20), Duration::from_secs(1));
        let mut purge = Instant::now();
        loop {
            let any = self.expire().await.unwrap_or_else(|error| {
                tracing::error!(%error, "leases that are over were not ended");
                true
            });
            if Instant::now() >= purge {
                purge = Instant::now() + PURGE;
                self.purge().await;
            }
            let pause = async {
                if any || self.queue.shared() {
                    tokio::time::sleep(step).await;
                } else {
                    // Nothing can end before it was given.
                    let _ = timeout_at(purge, self.leased.notified()).await;
                }
            };
            if stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    /// Ends leases; says whether any are left.
    async fn expire(&self) -> Result<bool, QueueError> {
        for task in self.queue.expire(self.policy.attempts, now()).await? {
            let (id, attempts) = (task.id, task.attempts);
            if task.state == State::Ready {
                tracing::warn!(%id, attempts, "a lease ended; the task is ready again");
                self.ready.notify_one();
            } else {
                tracing::error!(%id, attempts, "a lease ended once too often; the task is given up");
            }
        }
        let counts = self.queue.counts().await?;
        Ok(counts.get(&State::Leased).is_some_and(|leased| *leased > 0))
    }

    async fn purge(&self) {
        let before = |age| now().saturating_sub(millis(age));
        let done = self
            .queue
            .purge(&[State::Finished, State::Dead], before(self.policy.keep))
            .await;
        let made = self
            .queue
            .purge(&[State::Created], before(self.policy.abandon))
            .await;
        match (done, made) {
            (Ok(0), Ok(0)) => {}
            (Ok(done), Ok(abandoned)) => tracing::info!(done, abandoned, "old tasks were removed"),
            (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "old tasks were not removed"),
        }
    }
}
