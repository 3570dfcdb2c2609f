//! `uigniter-services page`.

use std::sync::Arc;

use clap::Args;
use tokio::sync::Semaphore;

use super::{Common, Failure, Pictures, Start};
use crate::{
    page::{
        live::Live,
        server::{Page as Web, routes},
    },
    registry::Service,
    telemetry::{self, MetricsBuilder},
};

/// The web page: upload, before and after, live states (port 9004)
#[derive(Debug, Args)]
pub(super) struct Page {
    #[command(flatten)]
    pictures: Pictures,
    #[command(flatten)]
    common: Common,
}

impl Page {
    pub(super) async fn run(self) -> Result<(), Failure> {
        telemetry::log(self.common.log_format, self.common.log_level);
        let start = Start::new(self.common, Service::Page).await?;
        let master = start.pool(Service::Master);
        let live = Live::new(Arc::clone(&master));
        tokio::spawn(Arc::clone(&live).run(start.stop.clone()));
        let page = Arc::new(Web {
            master,
            live,
            picture_bytes: self.pictures.max_picture_bytes,
            room: Semaphore::new(self.pictures.max_pictures),
        });
        start.serve(routes(page), MetricsBuilder::default().build()).await;
        Ok(())
    }
}
