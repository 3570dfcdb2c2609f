//! `uigniter daemon`: keeps instances, pool, network and images, and serves the API.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};
use uigniter_daemon::Monitor;

use crate::{
    cli::GlobalArgs,
    embedded, env_vars,
    error::{CliError, Outcome},
    programs,
    signals::Signals,
};

/// Where the daemon listens unless told otherwise.
pub(crate) const SOCKET: &str = "/run/uigniter/uigniter.sock";
/// Where its state is unless told otherwise.
pub(crate) const STATE_DIR: &str = "/var/lib/uigniter";

/// Keep microVMs, their network and images, and serve the API
///
/// Stays in the foreground, says on stdout when it listens, and logs to stderr; SIGINT or SIGTERM ends it. Running instances go on without it (unless
/// --private), and the next daemon on the same state folder finds them again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  uigniter daemon
  uigniter daemon --pool-size 8 --listen 127.0.0.1:6666
  uigniter daemon --vmm firecracker
  uigniter daemon --socket /tmp/u.sock --state-dir /tmp/u --listen none
  curl -d '{\"image_name\":\"hello\",\"cmdline\":\"hello\",\"read_only\":true}' http://127.0.0.1:6666/vm/run")]
pub(crate) struct Daemon {
    /// TCP address of the API as well, or 'none'. There is no authentication: keep it on loopback
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:6666", value_parser = listen)]
    listen: Listen,
    /// Folder for images, instances and the network's state
    #[arg(long, value_name = "DIR", env = env_vars::STATE_DIR, hide_env_values = true, default_value = STATE_DIR)]
    state_dir: PathBuf,
    /// How many microVMs wait for a request, half-built
    #[arg(long, value_name = "COUNT", default_value_t = DEFAULT_POOL_SIZE)]
    pool_size: u32,
    /// What runs microVMs: 'embedded', 'firecracker' (in PATH or named by UIGNITER_FIRECRACKER), or the path of a Firecracker
    #[arg(long, value_name = "MONITOR", default_value = "embedded", value_parser = monitor)]
    vmm: Monitor,
    /// Name of the network namespace; 'ip netns exec NAME' enters it
    #[arg(long, value_name = "NAME", default_value = NETWORK)]
    network: String,
    /// Range of the instances' addresses [default: 172.16.0.0/12]
    #[arg(long, value_name = "CIDR")]
    subnet: Option<String>,
    /// Take everything down at the end: instances, network, namespace
    #[arg(long)]
    private: bool,
    /// What is logged, as in 'info', 'debug' or 'uigniter_daemon=trace'
    #[arg(long, value_name = "FILTER", env = env_vars::LOG, hide_env_values = true, default_value = "info")]
    log: String,
}

/// One daemon's network, unless several run.
const NETWORK: &str = "uigniter";

/// Enough for a burst, little enough to cost next to nothing.
const DEFAULT_POOL_SIZE: u32 = 4;

/// `--listen`'s value.
#[derive(Clone, Copy, Debug)]
struct Listen(Option<SocketAddr>);

fn listen(text: &str) -> Result<Listen, String> {
    match text {
        "none" => Ok(Listen(None)),
        _ => text.parse().map(|address| Listen(Some(address))).map_err(|_| {
            format!("expected ADDRESS:PORT or 'none', for instance 127.0.0.1:6666; not '{text}'")
        }),
    }
}

/// `--vmm`'s value.
fn monitor(text: &str) -> Result<Monitor, String> {
    match text {
        "embedded" => Ok(Monitor::embedded()),
        "firecracker" => firecracker().map(Monitor::Firecracker).ok_or_else(|| {
            format!(
                "there is no 'firecracker' in PATH; install it, or name it with --vmm PATH or {}",
                env_vars::FIRECRACKER
            )
        }),
        path if path.contains('/') => Ok(Monitor::Firecracker(path.into())),
        _ => Err("expected 'embedded', 'firecracker' or a path".into()),
    }
}

/// The Firecracker that the environment names, or else that of PATH.
pub(crate) fn firecracker() -> Option<PathBuf> {
    let named = std::env::var_os(env_vars::FIRECRACKER).map(PathBuf::from);
    named.or_else(|| programs::in_path("firecracker"))
}

impl Daemon {
    pub(crate) async fn run(self, global: GlobalArgs) -> Outcome {
        let mut signals = Signals::take()?;
        log_to_stderr(&self.log)?;
        let config = uigniter_daemon::Config {
            listen: self.listen.0,
            pool_size: self.pool_size,
            monitor: self.vmm,
            network_name: self.network,
            subnet: self.subnet,
            private: self.private,
            ..uigniter_daemon::Config::new(self.state_dir, global.socket(), embedded::KERNEL)
        };
        let socket = config.socket.display().to_string();
        let failed =
            |e: uigniter_daemon::Error| CliError::new(e).hint("'uigniter doctor' says what this host lacks");
        let daemon = uigniter_daemon::Daemon::start(config).await.map_err(failed)?;
        // Whoever started us may wait for this line; with port 0 it is also the only place that says which port it became.
        let line = match daemon.listen_address() {
            Some(address) => format!("listening on {socket} and {address}"),
            None => format!("listening on {socket}"),
        };
        // A daemon whose stdout nobody reads is none the worse for it.
        let _ = writeln!(std::io::stdout(), "{line}");
        signals.next().await;
        daemon.shutdown().await.map_err(failed)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Sends what the daemon tells to stderr; supervisors add the time, so lines have none.
fn log_to_stderr(filter: &str) -> Result<(), CliError> {
    let wrong = |e: &dyn std::fmt::Display| {
        CliError::new(format!("--log {filter}: {e}"))
            .hint("say a level (info, debug, trace) or MODULE=LEVEL,...")
    };
    let filter: Targets = filter.parse().map_err(|e| wrong(&e))?;
    let lines = fmt::layer().with_writer(std::io::stderr).without_time();
    tracing_subscriber::registry()
        .with(lines)
        .with(filter)
        .try_init()
        .map_err(|e| wrong(&e))
}
