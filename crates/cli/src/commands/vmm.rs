//! `uigniter vmm`: the VMM process of one microVM. The daemon starts it; people may, to drive a microVM by hand.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser};

use crate::error::{CliError, Outcome};

/// Be the VMM of one microVM: Firecracker's API on a Unix socket
#[derive(Debug, Args)]
#[command(after_help = "Example:
  uigniter vmm --api-sock /tmp/vm.sock --id vm &
  curl --unix-socket /tmp/vm.sock http://localhost/")]
pub(crate) struct Vmm {
    /// Where to listen; the socket must not exist yet
    #[arg(long, value_name = "PATH")]
    api_sock: PathBuf,
    /// Name of the microVM in logs and in 'GET /'
    #[arg(long, default_value = "anonymous-instance")]
    id: String,
    /// File for one line of JSON that says how the microVM ended
    #[arg(long, value_name = "PATH")]
    exit_file: Option<PathBuf>,
    /// File to which the console is appended [default: stdout]
    #[arg(long, value_name = "PATH")]
    console_file: Option<PathBuf>,
    /// Unix datagram socket to make: each message, of at most 16 KiB, is input for the console, and an empty one its end
    #[arg(long, value_name = "PATH")]
    console_input: Option<PathBuf>,
}

/// The command on its own, without the tree around it.
#[derive(Debug, Parser)]
#[command(name = "uigniter vmm", version)]
struct Alone {
    #[command(flatten)]
    vmm: Vmm,
}

/// Entry for a process that is nothing but a VMM.
pub(crate) fn main() -> ExitCode {
    let alone = Alone::parse_from(std::env::args_os().skip(1));
    alone.vmm.run().unwrap_or_else(|error| error.report())
}

impl Vmm {
    pub(crate) fn run(self) -> Outcome {
        let config = uigniter_vmm::Config {
            api_socket: self.api_sock,
            id: self.id,
            exit_file: self.exit_file,
            console_file: self.console_file,
            console_input: self.console_input,
        };
        let failed =
            |e: uigniter_vmm::Error| CliError::new(e).hint("'uigniter doctor' says what this host lacks");
        let outcome = uigniter_vmm::run(config).map_err(failed)?;
        Ok(ExitCode::from(outcome.process_status()))
    }
}
