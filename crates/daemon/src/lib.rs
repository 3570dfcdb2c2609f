//! The daemon: instances and their states, the VM pool, recovery after a crash, and the API server.
//!
//! [`Daemon::start`] takes a [`Config`] and returns when the API answers; [`Daemon::shutdown`] ends it. It reads no
//! environment and prints nothing; it logs with `tracing`.
//!
//! | module | does |
//! |---|---|
//! | `server` | HTTP on a Unix socket and TCP; one handler per route of `uigniter_api::openapi` |
//! | `launch` | from a request to a running instance |
//! | `instance`, `registry` | the states of an instance, the task that owns it; who is there |
//! | `pool`, `vm`, `process` | microVMs that wait; making and unmaking one; VMM processes by pidfd |
//! | `recovery` | what a daemon finds when it starts |
//! | `images`, `volumes`, `kernel`, `state_dir` | what lies on disk |
//! | `console`, `stats`, `metrics` | what can be seen |
//!
//! Below it: `uigniter-network` (namespace, taps, addresses, ports), `uigniter-firecracker-client` (each VMM's API),
//! `uigniter-image` (packing). Above it: the CLI.
#![forbid(unsafe_code)]

mod async_fd;
mod config;
mod console;
mod error;
mod host;
mod images;
mod instance;
mod kernel;
mod launch;
mod metrics;
mod monitor;
mod names;
mod pool;
mod process;
mod publish;
mod recovery;
mod refusal;
mod registry;
mod server;
mod state_dir;
mod stats;
mod vm;
mod volumes;

use std::{future::Future, net::SocketAddr, sync::Arc};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uigniter_network::Network;

pub use config::Config;
pub use error::Error;
use host::Host;
use instance::Request;
pub use monitor::Monitor;
use state_dir::{Lock, StateDir};

/// A daemon that runs. Dropped without [`shutdown`](Self::shutdown) it is as if it had been killed.
#[derive(Debug)]
pub struct Daemon {
    host: Arc<Host>,
    server: server::Server,
    /// Tasks that run as long as the daemon.
    watchers: TaskTracker,
    _lock: Lock,
}

impl Daemon {
    /// Starts a daemon on the current tokio runtime and returns when its API answers.
    ///
    /// # Errors
    ///
    /// Another daemon has the state folder, the sockets or the network; or the host refuses. See [`Error`].
    pub async fn start(config: Config) -> Result<Self, Error> {
        raise_descriptor_limit();
        let (state, lock) = StateDir::open(&config.state_dir)?;
        let socket = config.socket.clone();
        let listeners = server::Listeners::bind(&config).await?;
        let started = Self::start_bound(config, state, lock, listeners).await;
        if started.is_err()
            && let Err(error) = state_dir::ignore_absent(std::fs::remove_file(&socket))
        {
            tracing::warn!(path = %socket.display(), %error, "the socket stays");
        }
        started
    }

    async fn start_bound(
        config: Config,
        state: StateDir,
        lock: Lock,
        listeners: server::Listeners,
    ) -> Result<Self, Error> {
        let host = Arc::new(open_host(config, state).await?);
        recovery::recover(&host).await?;
        let watchers = TaskTracker::new();
        let pool = Arc::clone(&host);
        watchers.spawn(async move { pool.pool.keep_filled(&pool).await });
        let consoles = Arc::clone(&host);
        watchers.spawn(async move { consoles.consoles.run(&consoles.ending).await });
        let server = server::Server::start(&host, listeners);
        Ok(Self {
            host,
            server,
            watchers,
            _lock: lock,
        })
    }

    /// TCP address of the API, with the real port; `None` where there is none.
    #[must_use]
    pub fn listen_address(&self) -> Option<SocketAddr> {
        self.server.listen_address()
    }

    /// Ends the API, finishes what is under way and takes the pool down. The instances of a private daemon end, and its
    /// network goes; those of another one run on, and the next daemon finds them.
    ///
    /// # Errors
    ///
    /// Something that the daemon made could not be removed.
    pub async fn shutdown(self) -> Result<(), Error> {
        let host = self.host;
        host.stopping.cancel();
        self.server.stop().await;
        host.work.close();
        host.work.wait().await;
        if host.config.private {
            remove_all(&host).await;
        }
        host.ending.cancel();
        self.watchers.close();
        self.watchers.wait().await;
        host.pool.drain(&host).await;
        host.network.clone().close(host.config.private).await?;
        Ok(())
    }
}

async fn open_host(config: Config, state: StateDir) -> Result<Host, Error> {
    let failed = |path| move |source| Error::State { path, source };
    let images = images::Images::open(state.images()).map_err(failed(state.images()))?;
    let volumes = volumes::Volumes::open(state.volumes()).map_err(failed(state.volumes()))?;
    let kernel =
        kernel::Kernel::install(&state.kernels(), &config.kernel).map_err(failed(state.kernels()))?;
    let consoles = console::Consoles::new(config.console_limit_bytes).map_err(Error::Inotify)?;
    // Last, for it is the one thing here that a failure after it would have to take down again.
    let network = open_network(&config, &state).await?;
    Ok(Host {
        pool: pool::Pool::new(config.pool_size),
        config,
        state,
        network,
        images,
        volumes,
        kernel,
        registry: registry::Registry::default(),
        metrics: metrics::Metrics::default(),
        consoles,
        work: TaskTracker::new(),
        stopping: CancellationToken::new(),
        ending: CancellationToken::new(),
    })
}

/// Each instance takes some descriptors (pidfd, API connection, published ports), and the customary soft limit of 1,024
/// is there for programs that use `select(2)`. The hard limit stays.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            ..limit
        },
    ) {
        tracing::warn!(%error, "the limit of descriptors cannot be raised");
    }
}

async fn open_network(config: &Config, state: &StateDir) -> Result<Network, Error> {
    let mut settings = uigniter_network::Config::new(&config.network_name, state.network());
    if let Some(subnet) = &config.subnet {
        settings.subnet = subnet.parse()?;
    }
    Ok(Network::open(settings).await?)
}

/// Ends and deletes every instance, all at once.
async fn remove_all(host: &Arc<Host>) {
    let mut removals = tokio::task::JoinSet::new();
    for handle in host.registry.handles() {
        removals.spawn(async move {
            handle.ask(Request::Kill).await?;
            handle.ended().await?;
            handle.ask(Request::Delete).await
        });
    }
    while let Some(removed) = removals.join_next().await {
        match removed {
            // An instance that removes itself may be faster.
            Ok(Ok(()) | Err(refusal::Refusal::NoInstance(_))) => {}
            Ok(Err(refusal)) => tracing::warn!(%refusal, "an instance stays"),
            Err(error) => tracing::error!(%error, "an instance could not be removed"),
        }
    }
}

/// Runs a daemon until `stop` is done, then shuts it down.
///
/// ```no_run
/// # async fn example(kernel: &'static [u8]) -> Result<(), uigniter_daemon::Error> {
/// use uigniter_daemon::Config;
/// let config = Config::new("/var/lib/uigniter", "/run/uigniter/uigniter.sock", kernel);
/// uigniter_daemon::run(config, std::future::pending()).await
/// # }
/// ```
///
/// # Errors
///
/// See [`Error`].
pub async fn run(config: Config, stop: impl Future<Output = ()>) -> Result<(), Error> {
    let daemon = Daemon::start(config).await?;
    stop.await;
    daemon.shutdown().await
}
