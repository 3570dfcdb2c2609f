//! `uigniter-services scheduler`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;

use super::{Common, Failure, Start, positive};
#[cfg(feature = "postgres")]
use crate::scheduler::postgres::PostgresQueue;
use crate::{
    registry::Service,
    scheduler::{Policy, Queue, Scheduler as Tasks, State, embedded::EmbeddedQueue, server::routes},
    telemetry::{self, MetricsBuilder},
};

/// The queue of tasks: each is done at least once, and none is lost (port 9001)
#[derive(Debug, Args)]
pub(super) struct Scheduler {
    /// Where the tasks are kept: `embedded`, in the folder, or `postgres://USER[:PASSWORD]@HOST[:PORT]/NAME`, which several schedulers may share
    #[arg(long, env = "MICRO_QUEUE", value_name = "ENGINE", default_value = "embedded")]
    queue: String,
    /// Folder for the queue's file; made if it is not there
    #[arg(long, env = "MICRO_DATA", value_name = "FOLDER", default_value = "/data")]
    data: PathBuf,
    /// Seconds after which a task that was handed out and not finished is ready again
    #[arg(long, env = "MICRO_LEASE", value_name = "SECONDS", default_value_t = 20.0, value_parser = seconds)]
    lease: f64,
    /// How often a task is handed out before it is given up
    #[arg(long, env = "MICRO_ATTEMPTS", value_name = "N", default_value_t = 5, value_parser = positive)]
    attempts: usize,
    /// Seconds for which finished and dead tasks are remembered
    #[arg(long, env = "MICRO_KEEP", value_name = "SECONDS", default_value_t = 86_400)]
    keep: u64,
    /// Seconds for which a task waits for its picture
    #[arg(long, env = "MICRO_ABANDON", value_name = "SECONDS", default_value_t = 3_600)]
    abandon: u64,
    #[command(flatten)]
    common: Common,
}

/// A tenth of a second to a day.
fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| (0.1..=86_400.0).contains(seconds));
    seconds.ok_or_else(|| "takes seconds, from 0.1 to 86400".to_owned())
}

impl Scheduler {
    pub(super) async fn run(self) -> Result<(), Failure> {
        telemetry::log(self.common.log_format, self.common.log_level);
        let queue = self.queue().await?;
        let policy = Policy {
            lease: Duration::from_secs_f64(self.lease),
            attempts: u32::try_from(self.attempts)?,
            keep: Duration::from_secs(self.keep),
            abandon: Duration::from_secs(self.abandon),
        };
        let start = Start::new(self.common, Service::Scheduler).await?;
        let tasks = Arc::new(Tasks::new(queue, policy));
        let sweeper = Arc::clone(&tasks);
        let stop = start.stop.clone();
        let sweeper = tokio::spawn(async move { sweeper.sweep(stop).await });
        let mut metrics = MetricsBuilder::default();
        let states = metrics.states("tasks", "Tasks by state");
        let counted = Arc::clone(&tasks);
        let metrics = metrics.build().with_refresh(Arc::new(move || {
            let (counted, states) = (Arc::clone(&counted), states.clone());
            Box::pin(async move {
                if let Ok(counts) = counted.counts().await {
                    for state in State::ALL {
                        states.set(state.name(), counts.get(&state).copied().unwrap_or(0));
                    }
                }
            })
        }));
        start.serve(routes(tasks), metrics).await;
        sweeper.await?;
        Ok(())
    }

    async fn queue(&self) -> Result<Arc<dyn Queue>, Failure> {
        if self.queue == "embedded" {
            let data = self.data.display();
            std::fs::create_dir_all(&self.data)
                .map_err(|error| format!("cannot make {data}: {error}; name another folder with --data"))?;
            return Ok(Arc::new(EmbeddedQueue::open(&self.data.join("tasks.redb"))?));
        }
        #[cfg(feature = "postgres")]
        if self.queue.starts_with("postgres://") || self.queue.starts_with("postgresql://") {
            return Ok(Arc::new(PostgresQueue::open(&self.queue).await?));
        }
        Err(format!(
            "no queue of this program is '{}'; take embedded or postgres://..",
            self.queue
        )
        .into())
    }
}
