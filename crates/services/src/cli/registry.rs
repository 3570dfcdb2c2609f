//! `uigniter-services registry`.

use std::{sync::Arc, time::Instant};

use clap::Args;

use super::{Common, Failure};
use crate::{
    http::server,
    registry::{
        Service,
        server::{routes, sweep},
        store::Store,
    },
    telemetry::{self, MetricsBuilder},
};

/// Who is where: keys with values and instances (port 9000)
#[derive(Debug, Args)]
pub(super) struct Registry {
    /// Start value of the key `masterendpoint`
    #[arg(long, env = "MICRO_MASTER_ENDPOINT", value_name = "HOST:PORT")]
    master_endpoint: Option<String>,
    /// Start value of the key `dbendpoint`
    #[arg(long, env = "MICRO_DB_ENDPOINT", value_name = "HOST:PORT")]
    db_endpoint: Option<String>,
    /// Start value of the key `storageendpoint`
    #[arg(long, env = "MICRO_STORAGE_ENDPOINT", value_name = "HOST:PORT")]
    storage_endpoint: Option<String>,
    #[command(flatten)]
    common: Common,
}

impl Registry {
    pub(super) async fn run(self) -> Result<(), Failure> {
        telemetry::log(self.common.log_format, self.common.log_level);
        let store = Arc::new(Store::default());
        let values = [
            (Service::Master, self.master_endpoint),
            (Service::Scheduler, self.db_endpoint),
            (Service::Storage, self.storage_endpoint),
        ];
        for (service, value) in values {
            // A variable that is set and empty is as good as none.
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                store.set_absent(service.key(), value, Instant::now())?;
            }
        }
        let (listener, stop) = self.common.open(9000).await?;
        tracing::info!(service = "registry", address = %listener.local_addr()?, "listens");
        tokio::spawn(sweep(Arc::clone(&store), stop.clone()));
        let limits = self.common.limits();
        let metrics = MetricsBuilder::default().build();
        server::serve(listener, "registry", routes(store), metrics, limits, stop).await;
        Ok(())
    }
}
