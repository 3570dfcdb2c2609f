//! What all parts of one daemon share.

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uigniter_network::Network;

use crate::{
    Config, console::Consoles, images::Images, kernel::Kernel, metrics::Metrics, pool::Pool,
    registry::Registry, state_dir::StateDir, volumes::Volumes,
};

/// One daemon's parts.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) config: Config,
    pub(crate) state: StateDir,
    pub(crate) network: Network,
    pub(crate) images: Images,
    pub(crate) volumes: Volumes,
    pub(crate) kernel: Kernel,
    pub(crate) pool: Pool,
    pub(crate) registry: Registry,
    pub(crate) metrics: Metrics,
    pub(crate) consoles: Consoles,
    /// Work that a shutdown waits for: launches, reclaims.
    pub(crate) work: TaskTracker,
    /// No new work is taken.
    pub(crate) stopping: CancellationToken,
    /// Instances' tasks and watchers end. Later than `stopping`, so that a private daemon can stop its instances first.
    pub(crate) ending: CancellationToken,
}
