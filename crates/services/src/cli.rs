//! Flags and variables of all services, and how one is started.
//!
//! There is one scheme: each flag `--some-thing` has a variable `MICRO_SOME_THING`, and the flag wins. This is the only module that
//! reads the environment.

mod registry;

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::level_filters::LevelFilter;

use crate::{
    http::server::{self, Limits},
    registry::directory::RegistryAddress,
    telemetry::LogFormat,
};

/// What is under `--help`.
const AFTER: &str = "\
Each flag can be given as a variable too: --request-timeout is MICRO_REQUEST_TIMEOUT; the flag wins.
Every service answers /healthz and /metrics (Prometheus text), logs JSON lines to standard error, and on SIGTERM
takes itself out of the registry, ends what is under way, and exits with 0.";

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
}

/// What every service can be told.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Every service")]
pub(crate) struct Common {
    /// Address and port to listen on; port 0 takes a free one [default: 0.0.0.0 and the service's port]
    #[arg(long, env = "MICRO_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The registry: [http://]HOST:PORT or memcached://HOST:PORT
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

/// A service that is about to start: its socket is open, its token is cancelled by SIGTERM and SIGINT.
struct Start {
    common: Common,
    listener: TcpListener,
    bound: SocketAddr,
    stop: CancellationToken,
}

impl Start {
    /// Opens the socket, on `port` where nothing else was said.
    async fn new(common: Common, port: u16) -> Result<Self, Failure> {
        let address = common.listen.unwrap_or((Ipv4Addr::UNSPECIFIED, port).into());
        let listener = server::bind(address).await?;
        let bound = listener.local_addr()?;
        let stop = CancellationToken::new();
        tokio::spawn(stop_on_signal(stop.clone())?);
        Ok(Self {
            common,
            listener,
            bound,
            stop,
        })
    }

    fn limits(&self) -> Limits {
        Limits {
            connections: self.common.max_connections,
            answer: Duration::from_secs(self.common.request_timeout),
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
        }
    })
}
