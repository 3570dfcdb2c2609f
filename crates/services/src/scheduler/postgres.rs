//! The queue in PostgreSQL, which several schedulers may share.
//!
//! A task is a row: its JSON, and beside it what is searched for. Who hands out takes the first ready row that nobody else has locked
//! (`FOR UPDATE SKIP LOCKED`), so schedulers do not wait for each other and no task goes out twice.

use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts, Transaction,
};
use tokio_postgres::{Config, NoTls, Row, types::ToSql};
use uuid::Uuid;

use super::{
    queue::{Change, Counts, Grant, Queue, QueueError},
    task::{Conflict, Millis, State, Task},
};

/// Connections of one scheduler.
const CONNECTIONS: usize = 8;
/// How long a connection is waited for.
const WAIT: Duration = Duration::from_secs(5);
/// Leases that one sweep ends.
const SWEEP: i64 = 1_000;

/// `at` is the end of a lease, or the last change. Two schedulers that start at once would both make the table: the lock is ours alone.
const SCHEMA: &str = "
    BEGIN;
    SELECT pg_advisory_xact_lock(7318349394477056);
    CREATE TABLE IF NOT EXISTS uigniter_tasks (
        id uuid PRIMARY KEY, state smallint NOT NULL, at bigint NOT NULL, changed bigint NOT NULL, task text NOT NULL
    );
    CREATE INDEX IF NOT EXISTS uigniter_tasks_state ON uigniter_tasks (state, at, id);
    CREATE INDEX IF NOT EXISTS uigniter_tasks_changed ON uigniter_tasks (changed, id);
    COMMIT;";

/// A queue in PostgreSQL.
#[derive(Debug)]
pub struct PostgresQueue {
    pool: Pool,
    /// Which database, without who asks: the same for all its schedulers.
    name: String,
}

fn broken(error: impl std::fmt::Display) -> QueueError {
    QueueError::Postgres(error.to_string())
}

/// What the server said, which the crate's own text leaves out.
fn refused(error: tokio_postgres::Error) -> QueueError {
    match error.as_db_error() {
        Some(said) => broken(said),
        None => broken(error),
    }
}

impl PostgresQueue {
    /// Connects to the database at `url` (`postgres://USER@HOST/NAME`) and makes the table where there is none.
    ///
    /// # Errors
    ///
    /// The address is wrong, nobody answers, or the table cannot be made.
    pub async fn open(url: &str) -> Result<Self, QueueError> {
        let config: Config = url.parse().map_err(refused)?;
        let name = format!(
            "{:?} {:?} {:?}",
            config.get_hosts(),
            config.get_ports(),
            config.get_dbname()
        );
        let recycling_method = RecyclingMethod::Fast;
        let manager = Manager::from_config(config, NoTls, ManagerConfig { recycling_method });
        let timeouts = Timeouts {
            wait: Some(WAIT),
            create: Some(WAIT),
            recycle: Some(WAIT),
        };
        let pool = Pool::builder(manager)
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .timeouts(timeouts);
        let queue = Self {
            pool: pool.build().map_err(broken)?,
            name,
        };
        queue
            .connection()
            .await?
            .batch_execute(SCHEMA)
            .await
            .map_err(refused)?;
        Ok(queue)
    }

    async fn connection(&self) -> Result<Object, QueueError> {
        self.pool.get().await.map_err(broken)
    }

    async fn tasks(&self, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Task>, QueueError> {
        let rows = self
            .connection()
            .await?
            .query(query, parameters)
            .await
            .map_err(refused)?;
        rows.iter().map(read).collect()
    }
}

fn read(row: &Row) -> Result<Task, QueueError> {
    let text: &str = row.try_get("task").map_err(refused)?;
    serde_json::from_str(text).map_err(|error| QueueError::Stored(error.to_string()))
}

fn number(millis: Millis) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// Writes what a task is now over the row that the transaction has locked.
async fn write(transaction: &Transaction<'_>, task: &Task) -> Result<(), QueueError> {
    let columns = Columns::of(task)?;
    let query = "UPDATE uigniter_tasks SET state = $2, at = $3, changed = $4, task = $5 WHERE id = $1";
    transaction
        .execute(query, &columns.parameters())
        .await
        .map_err(refused)?;
    Ok(())
}

/// A row's values.
struct Columns {
    id: Uuid,
    state: i16,
    at: i64,
    changed: i64,
    task: String,
}

impl Columns {
    fn of(task: &Task) -> Result<Self, QueueError> {
        let at = match task.state {
            State::Leased => task.leased_until,
            _ => task.changed,
        };
        Ok(Self {
            id: task.id,
            state: i8::from(task.state).into(),
            at: number(at),
            changed: number(task.changed),
            task: serde_json::to_string(task).map_err(|error| QueueError::Stored(error.to_string()))?,
        })
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 5] {
        [&self.id, &self.state, &self.at, &self.changed, &self.task]
    }
}

fn column(state: State) -> i16 {
    i8::from(state).into()
}

#[async_trait]
impl Queue for PostgresQueue {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn shared(&self) -> bool {
        true
    }

    async fn insert(&self, task: Task) -> Result<(), QueueError> {
        let columns = Columns::of(&task)?;
        let query = "INSERT INTO uigniter_tasks (id, state, at, changed, task) VALUES ($1, $2, $3, $4, $5)";
        let connection = self.connection().await?;
        connection
            .execute(query, &columns.parameters())
            .await
            .map_err(refused)?;
        Ok(())
    }

    async fn get(&self, id: Uuid) -> Result<Option<Task>, QueueError> {
        let query = "SELECT task FROM uigniter_tasks WHERE id = $1";
        Ok(self.tasks(query, &[&id]).await?.pop())
    }

    async fn change(&self, id: Uuid, change: Change) -> Result<Option<Result<Task, Conflict>>, QueueError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await.map_err(refused)?;
        let query = "SELECT task FROM uigniter_tasks WHERE id = $1 FOR UPDATE";
        let Some(row) = transaction.query_opt(query, &[&id]).await.map_err(refused)? else {
            return Ok(None);
        };
        let mut task = read(&row)?;
        if let Err(conflict) = change(&mut task) {
            return Ok(Some(Err(conflict)));
        }
        write(&transaction, &task).await?;
        transaction.commit().await.map_err(refused)?;
        Ok(Some(Ok(task)))
    }

    async fn lease(&self, grant: Grant) -> Result<Option<Task>, QueueError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await.map_err(refused)?;
        let query =
            "SELECT task FROM uigniter_tasks WHERE state = $1 ORDER BY at, id LIMIT 1 FOR UPDATE SKIP LOCKED";
        let ready = column(State::Ready);
        let Some(row) = transaction.query_opt(query, &[&ready]).await.map_err(refused)? else {
            return Ok(None);
        };
        let mut task = read(&row)?;
        task.hand_out(grant.lease, grant.until, grant.now);
        write(&transaction, &task).await?;
        transaction.commit().await.map_err(refused)?;
        Ok(Some(task))
    }

    async fn expire(&self, attempts: u32, now: Millis) -> Result<Vec<Task>, QueueError> {
        let mut connection = self.connection().await?;
        let transaction = connection.transaction().await.map_err(refused)?;
        let query = "SELECT task FROM uigniter_tasks WHERE state = $1 AND at <= $2 ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED";
        let leased = column(State::Leased);
        let rows = transaction
            .query(query, &[&leased, &number(now), &SWEEP])
            .await
            .map_err(refused)?;
        let mut tasks = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut task = read(row)?;
            task.expire(attempts, now);
            write(&transaction, &task).await?;
            tasks.push(task);
        }
        transaction.commit().await.map_err(refused)?;
        Ok(tasks)
    }

    async fn purge(&self, states: &'static [State], before: Millis) -> Result<u64, QueueError> {
        let states: Vec<_> = states.iter().map(|state| column(*state)).collect();
        let query = "DELETE FROM uigniter_tasks WHERE state = ANY($1) AND at <= $2";
        let connection = self.connection().await?;
        connection
            .execute(query, &[&states, &number(before)])
            .await
            .map_err(refused)
    }

    async fn list(&self, state: Option<State>, limit: usize) -> Result<Vec<Task>, QueueError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let state = state.map(column);
        let query = "SELECT task FROM uigniter_tasks WHERE $1::smallint IS NULL OR state = $1 \
                     ORDER BY changed DESC, id DESC LIMIT $2";
        self.tasks(query, &[&state, &limit]).await
    }

    async fn counts(&self) -> Result<Counts, QueueError> {
        let query = "SELECT state, count(*) AS count FROM uigniter_tasks GROUP BY state";
        let rows = self
            .connection()
            .await?
            .query(query, &[])
            .await
            .map_err(refused)?;
        let mut counts = Counts::new();
        for row in rows {
            let (state, count): (i16, i64) =
                (row.try_get(0).map_err(refused)?, row.try_get(1).map_err(refused)?);
            let state = i8::try_from(state).map_err(|error| QueueError::Stored(error.to_string()))?;
            let state = State::try_from(state).map_err(QueueError::Stored)?;
            counts.insert(state, u64::try_from(count).unwrap_or(0));
        }
        Ok(counts)
    }
}
