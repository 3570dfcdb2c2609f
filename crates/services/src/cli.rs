//! Flags and variables of all services, and how one is started.
//!
//! There is one scheme: each flag `--some-thing` has a variable `MICRO_SOME_THING`, and the flag wins. This is the only module that
//! reads the environment.

mod master;
mod page;
mod registry;
mod scheduler;
mod storage;
mod worker;

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use axum::Router;
use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

use crate::{
    balance::Pool,
    http::{
        Client,
        server::{self, Limits},
    },
    registry::{
        Directory, Service,
        directory::{Presence, RegistryAddress, own_address},
    },
    telemetry::{LogFormat, Metrics},
};

/// What is under `--help`.
const AFTER: &str = "\
Each flag can be given as a variable too: --request-timeout is MICRO_REQUEST_TIMEOUT; the flag wins.
Every service answers /healthz and /metrics (Prometheus text), logs JSON lines to standard error, and on SIGTERM
takes itself out of the registry, ends what is under way, and exits with 0.

The platform on one machine, on its usual ports:
  uigniter-services registry &
  uigniter-services scheduler --data /tmp/tasks &
  uigniter-services storage --data /tmp/pictures &
  uigniter-services master &
  uigniter-services worker &
  uigniter-services page &        # http://127.0.0.1:9004/";

/// The microservice platform: registry, scheduler, storage, master, worker and web page, a subcommand each
#[derive(Debug, Parser)]
#[command(name = "uigniter-services", version, after_help = AFTER, after_long_help = AFTER)]
struct Cli {
    #[command(subcommand)]
    service: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Registry(registry::Registry),
    Scheduler(scheduler::Scheduler),
    Storage(storage::Storage),
    Master(master::Master),
    Worker(worker::Worker),
    Page(page::Page),
}

/// What every service can be told.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Every service")]
pub(crate) struct Common {
    /// Address and port to listen on; port 0 takes a free one [default: 0.0.0.0 and the service's port]
    #[arg(long, env = "MICRO_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The registry: [http://]HOST:PORT, memcached://HOST:PORT or nats://HOST:PORT
    #[arg(
        long,
        env = "MICRO_REGISTRY_ENDPOINT",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9000"
    )]
    registry: RegistryAddress,
    /// The HOST:PORT that others shall use [default: the address of the interface towards the registry, and the port]
    #[arg(long, env = "MICRO_ADVERTISE", value_name = "HOST:PORT")]
    advertise: Option<String>,
    /// Seconds that the registry remembers this service for; it is told again after a third of it
    #[arg(
        long,
        env = "MICRO_TTL",
        value_name = "SECONDS",
        default_value_t = 10,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    ttl: u64,
    /// Connections at a time; more wait
    #[arg(long, env = "MICRO_MAX_CONNECTIONS", value_name = "N", default_value_t = 1024, value_parser = positive)]
    max_connections: usize,
    /// Seconds that a request may take
    #[arg(
        long,
        env = "MICRO_REQUEST_TIMEOUT",
        value_name = "SECONDS",
        default_value_t = 60,
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    request_timeout: u64,
    /// How log lines look
    #[arg(
        long,
        env = "MICRO_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    log_format: LogFormat,
    /// What is logged: off, error, warn, info, debug, trace
    #[arg(long, env = "MICRO_LOG_LEVEL", value_name = "LEVEL", default_value = "info")]
    log_level: LevelFilter,
}

/// A number of things that cannot be none.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("takes a number from 1 on".to_owned()),
        Ok(number) => Ok(number),
    }
}

/// Why a service did not start, in a line.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What services that hold pictures can be told.
#[derive(Clone, Debug, Args)]
struct Pictures {
    /// Bytes that a picture may have
    #[arg(long, env = "MICRO_MAX_PICTURE_BYTES", value_name = "BYTES", default_value_t = 16 << 20, value_parser = positive)]
    max_picture_bytes: usize,
    /// Pictures that may be in memory at a time; more wait
    #[arg(long, env = "MICRO_MAX_PICTURES", value_name = "N", default_value_t = 16, value_parser = positive)]
    max_pictures: usize,
}

/// How long a call to another service is made again and again.
const PATIENCE: Duration = Duration::from_secs(10);

/// A service that is about to start: its socket is open, its token is cancelled by SIGTERM and SIGINT.
struct Start {
    common: Common,
    service: Service,
    listener: TcpListener,
    stop: CancellationToken,
    client: Client,
    directory: Arc<dyn Directory>,
}

impl Start {
    /// Opens the socket, on the service's usual port where nothing else was said.
    async fn new(common: Common, service: Service) -> Result<Self, Failure> {
        let (listener, stop) = common.open(service.port()).await?;
        let directory = common.registry.open(Duration::from_secs(common.ttl));
        let client = Client::new();
        Ok(Self {
            common,
            service,
            listener,
            stop,
            client,
            directory,
        })
    }

    /// All instances of `service`, followed until the end.
    fn pool(&self, service: Service) -> Arc<Pool> {
        let pool = Pool::new(
            service,
            self.client.clone(),
            Arc::clone(&self.directory),
            PATIENCE,
        );
        tokio::spawn(Arc::clone(&pool).run(self.stop.clone()));
        pool
    }

    /// Serves `routes`, known to the registry, until it is told to stop.
    async fn serve(self, routes: Router, metrics: Metrics) {
        let service = self.service;
        let address = match self.listener.local_addr() {
            Ok(address) => address,
            Err(error) => return tracing::error!(%error, "the socket is gone"),
        };
        let endpoint = match self.common.advertise.clone() {
            Some(endpoint) => endpoint,
            None => own_address(address, self.common.registry.endpoint()).await,
        };
        tracing::info!(service = service.name(), %address, endpoint, registry = %self.common.registry, "listens");
        let presence = Presence {
            directory: self.directory,
            service,
            endpoint,
            ttl: Duration::from_secs(self.common.ttl),
        };
        let presence = tokio::spawn(presence.keep(self.stop.clone()));
        let limits = self.common.limits();
        server::serve(self.listener, service.name(), routes, metrics, limits, self.stop).await;
        // It says by itself what went wrong.
        let _ = presence.await;
    }
}

impl Common {
    /// Opens the socket, on `port` where nothing else was said; the token is cancelled by SIGTERM and SIGINT.
    async fn open(&self, port: u16) -> Result<(TcpListener, CancellationToken), Failure> {
        let address = self.listen.unwrap_or((Ipv4Addr::UNSPECIFIED, port).into());
        let listener = server::bind(address).await?;
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signal(stop.clone())?);
        Ok((listener, stop))
    }

    fn limits(&self) -> Limits {
        Limits {
            connections: self.max_connections,
            answer: Duration::from_secs(self.request_timeout),
        }
    }
}

/// A future that waits for SIGTERM or SIGINT. The handlers are there when this returns.
fn stop_on_signal(stop: CancellationToken) -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        stop.cancel();
    })
}

/// Runs the program and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.service) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        match command {
            Command::Registry(registry) => registry.run().await,
            Command::Scheduler(scheduler) => scheduler.run().await,
            Command::Storage(storage) => storage.run().await,
            Command::Master(master) => master.run().await,
            Command::Worker(worker) => worker.run().await,
            Command::Page(page) => page.run().await,
        }
    })
}
