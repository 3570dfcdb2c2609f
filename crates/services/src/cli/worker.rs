//! `uigniter-services worker`.

use std::time::Duration;

use clap::Args;

use super::{Common, Failure, Pictures, Start, positive};
use crate::{
    registry::Service,
    telemetry::{self, MetricsBuilder},
    worker::{Worker as Works, job::Tools, picture::Limits, service::Counters},
};

/// What works: invert, grey, blur, resize, thumbnail (port 9005 for /healthz and /metrics)
#[derive(Debug, Args)]
pub(super) struct Worker {
    /// Tasks at a time [default: one for each processor]
    #[arg(long, env = "MICRO_SLOTS", value_name = "N", value_parser = positive)]
    slots: Option<usize>,
    /// Seconds that a task may take; never longer than its lease
    #[arg(
        long,
        env = "MICRO_TASK_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 15
    )]
    task_timeout: u64,
    /// Pixels that a picture's longer side may have
    #[arg(long, env = "MICRO_MAX_SIDE", value_name = "PIXELS", default_value_t = Limits::default().side)]
    max_side: u32,
    /// Bytes of memory that a picture may take once it is decoded
    #[arg(long, env = "MICRO_MAX_DECODED_BYTES", value_name = "BYTES", default_value_t = Limits::default().memory)]
    max_decoded_bytes: u64,
    #[command(flatten)]
    pictures: Pictures,
    #[command(flatten)]
    common: Common,
}

impl Worker {
    pub(super) async fn run(self) -> Result<(), Failure> {
        telemetry::log(self.common.log_format, self.common.log_level);
        let start = Start::new(self.common, Service::Worker).await?;
        let mut metrics = MetricsBuilder::default();
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let worker = Works {
            tools: Tools {
                master: start.pool(Service::Master),
                storage: start.pool(Service::Storage),
                limits: Limits {
                    side: self.max_side,
                    memory: self.max_decoded_bytes,
                },
                picture_bytes: self.pictures.max_picture_bytes,
            },
            slots: self.slots.unwrap_or(processors),
            task_timeout: Duration::from_secs(self.task_timeout),
            counters: Counters::new(&mut metrics),
        };
        let stop = start.stop.clone();
        let work = tokio::spawn(async move { worker.run(stop).await });
        start.serve(axum::Router::new(), metrics.build()).await;
        work.await?;
        Ok(())
    }
}
