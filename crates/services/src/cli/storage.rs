//! `uigniter-services storage`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{Common, Failure, Pictures, Start};
use crate::{
    registry::Service,
    storage::{
        folder::FolderBlobs,
        server::{Storage as Kept, routes},
    },
    telemetry::{self, MetricsBuilder},
};

/// How often old pictures are looked for.
const SWEEP: Duration = Duration::from_secs(3_600);

/// The pictures, in a folder: whole or not at all (port 9002)
#[derive(Debug, Args)]
pub(super) struct Storage {
    /// Folder for the pictures; made if it is not there
    #[arg(long, env = "MICRO_DATA", value_name = "FOLDER", default_value = "/data")]
    data: PathBuf,
    /// Seconds for which pictures are kept; 0 keeps them for ever
    #[arg(long, env = "MICRO_KEEP", value_name = "SECONDS", default_value_t = 86_400)]
    keep: u64,
    #[command(flatten)]
    pictures: Pictures,
    #[command(flatten)]
    common: Common,
}

impl Storage {
    pub(super) async fn run(self) -> Result<(), Failure> {
        telemetry::log(self.common.log_format, self.common.log_level);
        let folder = FolderBlobs::open(&self.data).map_err(|error| {
            format!(
                "cannot use {}: {error}; name another folder with --data",
                self.data.display()
            )
        })?;
        let start = Start::new(self.common, Service::Storage).await?;
        if self.keep > 0 {
            tokio::spawn(sweep(
                folder.clone(),
                Duration::from_secs(self.keep),
                start.stop.clone(),
            ));
        }
        let storage = Arc::new(Kept {
            blobs: Arc::new(folder),
            picture_bytes: self.pictures.max_picture_bytes,
            room: Arc::new(Semaphore::new(self.pictures.max_pictures)),
        });
        start
            .serve(routes(storage), MetricsBuilder::default().build())
            .await;
        Ok(())
    }
}

/// Removes what is old, now and every hour.
async fn sweep(folder: FolderBlobs, age: Duration, stop: CancellationToken) {
    loop {
        let swept = folder.clone();
        match tokio::task::spawn_blocking(move || swept.sweep(age)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(gone)) => tracing::info!(gone, "old pictures were removed"),
            Ok(Err(error)) => tracing::warn!(%error, "old pictures were not removed"),
            Err(error) => tracing::error!(%error, "old pictures were not removed"),
        }
        if stop
            .run_until_cancelled(tokio::time::sleep(SWEEP))
            .await
            .is_none()
        {
            return;
        }
    }
}
