//! `uigniter-services master`.

use std::sync::Arc;

use clap::Args;
use tokio::sync::Semaphore;

use super::{Common, Failure, Pictures, Start};
use crate::{
    master::server::{Master as Mediator, routes},
    registry::Service,
    telemetry::{self, MetricsBuilder},
};

/// What mediates between all, and balances (port 9003)
#[derive(Debug, Args)]
pub(super) struct Master {
    #[command(flatten)]
    pictures: Pictures,
    #[command(flatten)]
    common: Common,
}

impl Master {
    pub(super) async fn run(self) -> Result<(), Failure> {
        telemetry::log(self.common.log_format, self.common.log_level);
        let start = Start::new(self.common, Service::Master).await?;
        let others = [Service::Master, Service::Worker, Service::Page];
        let others = others.map(|service| (service, start.pool(service)));
        let master = Arc::new(Mediator {
            scheduler: start.pool(Service::Scheduler),
            storage: start.pool(Service::Storage),
            others: others.into(),
            picture_bytes: self.pictures.max_picture_bytes,
            room: Arc::new(Semaphore::new(self.pictures.max_pictures)),
        });
        start
            .serve(routes(master), MetricsBuilder::default().build())
            .await;
        Ok(())
    }
}
