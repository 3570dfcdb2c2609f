//! The queue in a file of this machine.
//!
//! The file is redb's: one file, transactions, written so that a crash at any moment leaves the last commit. One thread owns it and
//! takes what waits for it as one transaction, so that many requests share one flush to disk; nobody is answered before that.
//!
//! Three tables: tasks by id; an index by state and time, in which the oldest ready task, the leases that are over and what can be
//! swept away are each the first of a range; and how many are in each state.
//!
//! redb was taken (pure Rust, one file, no threads of its own, a stable format since 1.0, released this month, MIT or Apache-2.0).
//! fjall keeps a folder of segments and compacts in the background, which a queue of small records does not need and an idle microVM
//! would feel; sled has had no release for years.

use std::{path::Path, sync::mpsc, thread};

use async_trait::async_trait;
use redb::{Database, Durability, ReadableTable as _, TableDefinition};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    queue::{Change, Counts, Grant, Queue, QueueError},
    task::{Conflict, Millis, State, Task},
};

const TASKS: TableDefinition<u128, &[u8]> = TableDefinition::new("tasks");
/// State, time, id. The time is the end of a lease, or the last change.
const INDEX: TableDefinition<(i8, u64, u128), ()> = TableDefinition::new("index");
/// Tasks in each state.
const COUNTS: TableDefinition<i8, u64> = TableDefinition::new("counts");

/// Changes that share one flush.
const BATCH: usize = 256;
/// Changes that may wait.
const WAITING: usize = 4096;
/// Tasks that the file may hold.
const TASKS_MAX: u64 = 1_000_000;
/// Tasks that one sweep removes.
const SWEEP: usize = 10_000;
/// Memory for pages of the file.
const CACHE: usize = 16 << 20;

/// The tables within a transaction.
struct Tables<'a> {
    tasks: redb::Table<'a, u128, &'static [u8]>,
    index: redb::Table<'a, (i8, u64, u128), ()>,
    counts: redb::Table<'a, i8, u64>,
    /// Whether anything was written: a transaction that only looked needs no flush.
    written: bool,
}

/// What the thread is asked. It answers by itself once the commit is done.
type Job = Box<dyn FnOnce(&mut Tables<'_>) -> Result<Reply, QueueError> + Send>;
/// Answers whoever asked, and says what has to be done where nobody waits any more.
struct Reply(Box<dyn FnOnce() -> Option<Job> + Send>);
/// A job, and whom to tell if the transaction fails.
type Asked = (Job, oneshot::Sender<QueueError>);

/// A queue in a file.
#[derive(Debug)]
pub struct EmbeddedQueue {
    name: String,
    asked: mpsc::SyncSender<Asked>,
}

fn broken(error: impl Into<redb::Error>) -> QueueError {
    QueueError::Embedded(Box::new(error.into()))
}

impl EmbeddedQueue {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    ///
    /// It cannot be made, is another program's, or another scheduler has it.
    pub fn open(file: &Path) -> Result<Self, QueueError> {
        let database = Database::builder()
            .set_cache_size(CACHE)
            .create(file)
            .map_err(broken)?;
        let transaction = database.begin_write().map_err(broken)?;
        transaction.open_table(TASKS).map_err(broken)?;
        transaction.open_table(INDEX).map_err(broken)?;
        transaction.open_table(COUNTS).map_err(broken)?;
        transaction.commit().map_err(broken)?;
        let (asked, jobs) = mpsc::sync_channel(WAITING);
        let thread = thread::Builder::new().name("queue".to_owned());
        let thread = thread.spawn(move || work(&database, &jobs));
        thread.map_err(|error| broken(redb::Error::Io(error)))?;
        Ok(Self {
            // Nobody else can have the file.
            name: Uuid::new_v4().to_string(),
            asked,
        })
    }

    /// Has `job` done in a transaction, and returns what it found once that is on disk. `lost` undoes it where nobody waits any more.
    async fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tables<'_>) -> Result<T, QueueError> + Send + 'static,
        lost: impl FnOnce(T) -> Option<Job> + Send + 'static,
    ) -> Result<T, QueueError> {
        let (done, wait) = oneshot::channel();
        let (failed, failure) = oneshot::channel();
        let job: Job = Box::new(move |tables| {
            let found = job(tables)?;
            Ok(Reply(Box::new(move || done.send(found).err().and_then(lost))))
        });
        // A full channel means thousands wait for the disk: more only wait longer.
        match self.asked.try_send((job, failed)) {
            Ok(()) => {}
            Err(mpsc::TrySendError::Full(_)) => return Err(QueueError::Full(WAITING as u64)),
            Err(mpsc::TrySendError::Disconnected(_)) => return Err(QueueError::Ended),
        }
        match wait.await {
            Ok(found) => Ok(found),
            Err(_) => Err(failure.await.unwrap_or(QueueError::Ended)),
        }
    }

    async fn simply<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tables<'_>) -> Result<T, QueueError> + Send + 'static,
    ) -> Result<T, QueueError> {
        self.ask(job, |_| None).await
    }
}

/// The thread: until nobody can ask any more.
fn work(database: &Database, jobs: &mpsc::Receiver<Asked>) {
    let mut first = jobs.recv().ok();
    while let Some(asked) = first.take() {
        let mut batch = vec![asked];
        batch.extend(jobs.try_iter().take(BATCH - 1));
        let again = transact(database, batch);
        for job in again {
            let (failed, _) = oneshot::channel();
            drop(transact(database, vec![(job, failed)]));
        }
        first = jobs.recv().ok();
    }
}

/// One transaction for all. Returns what has to be done because somebody went away.
fn transact(database: &Database, batch: Vec<Asked>) -> Vec<Job> {
    let (jobs, failures): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
    let mut replies = Vec::with_capacity(jobs.len());
    let committed = (|| {
        let mut transaction = database.begin_write().map_err(broken)?;
        transaction
            .set_durability(Durability::Immediate)
            .map_err(broken)?;
        let mut tables = Tables {
            tasks: transaction.open_table(TASKS).map_err(broken)?,
            index: transaction.open_table(INDEX).map_err(broken)?,
            counts: transaction.open_table(COUNTS).map_err(broken)?,
            written: false,
        };
        for job in jobs {
            replies.push(job(&mut tables)?);
        }
        let written = tables.written;
        drop(tables);
        if written {
            transaction.commit().map_err(broken)
        } else {
            transaction.abort().map_err(broken)
        }
    })();
    match committed {
        Ok(()) => replies.into_iter().filter_map(|reply| (reply.0)()).collect(),
        Err(error) => {
            tracing::error!(%error, "a transaction of the queue failed; nothing of it was done");
            // Replies are dropped unsent, so each caller looks here.
            drop(replies);
            for failed in failures {
                let _ = failed.send(QueueError::Stored(error.to_string()));
            }
            Vec::new()
        }
    }
}

impl Tables<'_> {
    fn get(&self, id: Uuid) -> Result<Option<Task>, QueueError> {
        let stored = self.tasks.get(id.as_u128()).map_err(broken)?;
        stored.map(|stored| read(stored.value())).transpose()
    }

    /// Writes `task`, and the index instead of what `before` had there.
    fn put(&mut self, before: Option<&Task>, task: &Task) -> Result<(), QueueError> {
        let bytes = serde_json::to_vec(task).map_err(|error| QueueError::Stored(error.to_string()))?;
        self.tasks
            .insert(task.id.as_u128(), bytes.as_slice())
            .map_err(broken)?;
        if let Some(before) = before {
            self.index.remove(place(before)).map_err(broken)?;
            self.count(before.state, -1)?;
        }
        self.index.insert(place(task), ()).map_err(broken)?;
        self.count(task.state, 1)
    }

    fn remove(&mut self, task: &Task) -> Result<(), QueueError> {
        self.index.remove(place(task)).map_err(broken)?;
        self.tasks.remove(task.id.as_u128()).map_err(broken)?;
        self.count(task.state, -1)
    }

    fn count(&mut self, state: State, by: i64) -> Result<(), QueueError> {
        self.written = true;
        let now = self.counted(state)?.saturating_add_signed(by);
        self.counts.insert(i8::from(state), now).map_err(broken)?;
        Ok(())
    }

    fn counted(&self, state: State) -> Result<u64, QueueError> {
        let count = self.counts.get(i8::from(state)).map_err(broken)?;
        Ok(count.map_or(0, |count| count.value()))
    }

    /// Ids in `state` whose time is at most `until`, the oldest first.
    fn first(&self, state: State, until: Millis, limit: usize) -> Result<Vec<Uuid>, QueueError> {
        let range = (state.into(), 0, 0)..=(i8::from(state), until, u128::MAX);
        let found = self.index.range(range).map_err(broken)?.take(limit);
        found
            .map(|entry| {
                entry
                    .map(|(key, _)| Uuid::from_u128(key.value().2))
                    .map_err(broken)
            })
            .collect()
    }

    fn change(&mut self, id: Uuid, change: Change) -> Result<Option<Result<Task, Conflict>>, QueueError> {
        let Some(before) = self.get(id)? else {
            return Ok(None);
        };
        let mut task = before.clone();
        if let Err(conflict) = change(&mut task) {
            return Ok(Some(Err(conflict)));
        }
        if task != before {
            self.put(Some(&before), &task)?;
        }
        Ok(Some(Ok(task)))
    }
}

fn read(bytes: &[u8]) -> Result<Task, QueueError> {
    serde_json::from_slice(bytes).map_err(|error| QueueError::Stored(error.to_string()))
}

/// Where a task is in the index.
fn place(task: &Task) -> (i8, u64, u128) {
    let time = match task.state {
        State::Leased => task.leased_until,
        _ => task.changed,
    };
    (task.state.into(), time, task.id.as_u128())
}

/// Gives a lease back that nobody received.
fn unlease(task: Option<Task>) -> Option<Job> {
    let task = task?;
    Some(Box::new(move |tables| {
        let undo: Change = Box::new(move |now: &mut Task| {
            if now.lease == task.lease && now.state == State::Leased {
                now.state = State::Ready;
                now.attempts -= 1;
            }
            Ok(())
        });
        drop(tables.change(task.id, undo)?);
        Ok(Reply(Box::new(|| None)))
    }))
}

#[async_trait]
impl Queue for EmbeddedQueue {
    fn name(&self) -> String {
        self.name.clone()
    }

    async fn insert(&self, task: Task) -> Result<(), QueueError> {
        let full = self.simply(move |tables| {
            let length = redb::ReadableTableMetadata::len(&tables.tasks).map_err(broken)?;
            if length < TASKS_MAX {
                tables.put(None, &task)?;
            }
            Ok(length >= TASKS_MAX)
        });
        match full.await? {
            true => Err(QueueError::Full(TASKS_MAX)),
            false => Ok(()),
        }
    }

    async fn get(&self, id: Uuid) -> Result<Option<Task>, QueueError> {
        self.simply(move |tables| tables.get(id)).await
    }

    async fn change(&self, id: Uuid, change: Change) -> Result<Option<Result<Task, Conflict>>, QueueError> {
        self.simply(move |tables| tables.change(id, change)).await
    }

    async fn lease(&self, grant: Grant) -> Result<Option<Task>, QueueError> {
        let job = move |tables: &mut Tables<'_>| {
            let Some(id) = tables.first(State::Ready, Millis::MAX, 1)?.pop() else {
                return Ok(None);
            };
            let hand_out: Change = Box::new(move |task| {
                task.hand_out(grant.lease, grant.until, grant.now);
                Ok(())
            });
            Ok(tables.change(id, hand_out)?.and_then(Result::ok))
        };
        self.ask(job, unlease).await
    }

    async fn expire(&self, attempts: u32, now: Millis) -> Result<Vec<Task>, QueueError> {
        let job = move |tables: &mut Tables<'_>| {
            let over = tables.first(State::Leased, now, SWEEP)?;
            let mut tasks = Vec::with_capacity(over.len());
            for id in over {
                let expire: Change = Box::new(move |task| {
                    task.expire(attempts, now);
                    Ok(())
                });
                tasks.extend(tables.change(id, expire)?.and_then(Result::ok));
            }
            Ok(tasks)
        };
        self.simply(job).await
    }

    async fn purge(&self, states: &'static [State], before: Millis) -> Result<u64, QueueError> {
        let job = move |tables: &mut Tables<'_>| {
            let mut gone = 0;
            for state in states {
                for id in tables.first(*state, before, SWEEP)? {
                    if let Some(task) = tables.get(id)? {
                        tables.remove(&task)?;
                        gone += 1;
                    }
                }
            }
            Ok(gone)
        };
        self.simply(job).await
    }

    async fn list(&self, state: Option<State>, limit: usize) -> Result<Vec<Task>, QueueError> {
        let job = move |tables: &mut Tables<'_>| {
            let mut tasks = Vec::new();
            for state in State::ALL
                .into_iter()
                .filter(|each| state.is_none_or(|state| state == *each))
            {
                let range = (state.into(), 0, 0)..=(i8::from(state), u64::MAX, u128::MAX);
                for entry in tables.index.range(range).map_err(broken)?.rev().take(limit) {
                    let key = entry.map(|(key, _)| key.value()).map_err(broken)?;
                    tasks.extend(tables.get(Uuid::from_u128(key.2))?);
                }
            }
            tasks.sort_by_key(|task| std::cmp::Reverse((task.changed, task.id)));
            tasks.truncate(limit);
            Ok(tasks)
        };
        self.simply(job).await
    }

    async fn counts(&self) -> Result<Counts, QueueError> {
        let job = |tables: &mut Tables<'_>| {
            let counts = State::ALL
                .into_iter()
                .map(|state| Ok((state, tables.counted(state)?)));
            counts.collect()
        };
        self.simply(job).await
    }
}
