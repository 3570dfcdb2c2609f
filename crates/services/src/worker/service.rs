//! Several jobs at a time, until the worker is told to stop.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use prometheus_client::metrics::{counter::Counter, gauge::Gauge, histogram::Histogram};
use tokio::{sync::Semaphore, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::job::{Job, JobError, Tools};
use crate::{
    balance::Retry,
    http::{Answer, client::Call},
    telemetry::MetricsBuilder,
};

/// How long a worker waits for a task at a time.
const WAIT_SECONDS: u64 = 20;
/// Pause after an answer without a task, where the master did not wait.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause where there is no master.
const AGAIN: Duration = Duration::from_millis(200);

/// What a worker counts.
#[derive(Clone, Debug)]
pub struct Counters {
    done: Counter,
    failed: Counter,
    given_away: Counter,
    running: Gauge,
    seconds: Histogram,
}

impl Counters {
    /// Among the service's metrics.
    #[must_use]
    pub fn new(metrics: &mut MetricsBuilder) -> Self {
        Self {
            done: metrics.counter("tasks_done", "Tasks that ended well"),
            failed: metrics.counter("tasks_failed", "Tasks that were given back or up"),
            given_away: metrics.counter("tasks_given_away", "Tasks that took longer than their lease"),
            running: metrics.gauge("tasks_running", "Tasks that are worked on"),
            seconds: metrics.seconds("task_seconds", "From a task's lease to its end"),
        }
    }
}

/// A worker.
#[derive(Debug)]
pub struct Worker {
    /// What its jobs need.
    pub tools: Tools,
    /// Jobs at a time.
    pub slots: usize,
    /// Patience with a job.
    pub task_timeout: Duration,
    /// What it counts.
    pub counters: Counters,
}

impl Worker {
    /// Works until `stop`, then ends what it has begun.
    pub async fn run(&self, stop: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.slots));
        let jobs = TaskTracker::new();
        while let Some(()) = stop.run_until_cancelled(self.one(&slots, &jobs)).await {}
        jobs.close();
        jobs.wait().await;
    }

    /// Waits for a free slot, then for a task, and begins it.
    async fn one(&self, slots: &Arc<Semaphore>, jobs: &TaskTracker) {
        // The semaphore is never closed.
        let Ok(slot) = Arc::clone(slots).acquire_owned().await else {
            return;
        };
        let Some(job) = self.next().await else {
            return;
        };
        let (tools, counters) = (self.tools.clone(), self.counters.clone());
        jobs.spawn(async move {
            let begin = Instant::now();
            counters.running.inc();
            match job.run(&tools).await {
                Ok(()) => counters.done.inc(),
                Err(JobError::GivenAway) => counters.given_away.inc(),
                Err(_) => counters.failed.inc(),
            };
            counters.running.dec();
            counters.seconds.observe(begin.elapsed().as_secs_f64());
            drop(slot);
        });
    }

    async fn next(&self) -> Option<Job> {
        let begin = Instant::now();
        let path = format!("/task/next?wait={WAIT_SECONDS}");
        let call = Call::get(path).within(Duration::from_secs(WAIT_SECONDS + 5));
        match self.tools.master.call(call, Retry::Unsent).await {
            Ok(Answer {
                status: StatusCode::NOT_FOUND,
                ..
            }) => {
                // The first system's master answers at once.
                if begin.elapsed() < PAUSE {
                    tokio::time::sleep(PAUSE).await;
                }
                None
            }
            Ok(answer) if answer.status == StatusCode::OK => Job::of(&answer, self.task_timeout),
            Ok(answer) => {
                tracing::warn!(status = answer.status.as_u16(), text = answer.text(), "no task");
                tokio::time::sleep(AGAIN).await;
                None
            }
            Err(error) => {
                tracing::warn!(%error, "no task");
                tokio::time::sleep(AGAIN).await;
                None
            }
        }
    }
}
