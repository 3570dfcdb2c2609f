//! The command tree and what all commands share; each command's own flags are in its file under [`crate::commands`].

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::{
    commands::{
        build::{Build, Traced},
        completion::Completion,
        daemon::Daemon,
        demo::Demo,
        doctor::Doctor,
        image::Image,
        inspect::Inspect,
        kill::Kill,
        load::Load,
        logs::Logs,
        man::Man,
        pool::Pool,
        ps::Ps,
        pull::Pull,
        push::Push,
        reference::Reference,
        rm::Rm,
        run::Run,
        save::Save,
        stats::Stats,
        stop::Stop,
        vmm::Vmm,
        volume::Volume,
        wait::Wait,
    },
    env_vars,
    error::{CliError, Outcome},
};

/// Run Linux programs as unikernels: one program, one microVM, milliseconds
#[derive(Debug, Parser)]
#[command(
    name = "uigniter",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:
  uigniter demo                                see it work, in a second
  uigniter run ./server                        boot a Linux program, show its output
  uigniter run -d --name web -p 8080:80 ./server
  uigniter ps
  uigniter logs -f web
  uigniter rm -f web

'uigniter COMMAND --help' explains a command. 'uigniter doctor' says what this host lacks."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct GlobalArgs {
    /// The daemon's Unix socket [default: /run/uigniter/uigniter.sock]
    #[arg(long, global = true, value_name = "PATH", env = env_vars::SOCKET, hide_env_values = true)]
    pub(crate) socket: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<Run>),
    Ps(Ps),
    Stop(Stop),
    Kill(Kill),
    Rm(Rm),
    Logs(Logs),
    Inspect(Inspect),
    Wait(Wait),
    Stats(Stats),
    Build(Box<Build>),
    Image(Image),
    Volume(Volume),
    Push(Box<Push>),
    Pull(Box<Pull>),
    Save(Save),
    Load(Load),
    Pool(Pool),
    Demo(Demo),
    Doctor(Doctor),
    Daemon(Box<Daemon>),
    Completion(Completion),
    #[command(hide = true)]
    Man(Man),
    #[command(hide = true)]
    Reference(Reference),
    #[command(hide = true)]
    Vmm(Vmm),
    #[command(hide = true)]
    Traced(Traced),
}

/// Parses the command line and does what it says.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let failure_status = cli.command.failure_status();
    let outcome = match cli.command.without_runtime() {
        Ok(outcome) => outcome,
        Err(command) => in_runtime(command, cli.global),
    };
    outcome.unwrap_or_else(|error| match failure_status {
        Some(status) => error.status(status).report(),
        None => error.report(),
    })
}

impl Command {
    /// `run` stands for a program whose status may be any small number, so its own failures take another.
    const fn failure_status(&self) -> Option<u8> {
        match self {
            Self::Run(_) => Some(crate::error::FAILED),
            _ => None,
        }
    }

    /// Commands that do no input or output with a daemon run here; the others are handed back.
    fn without_runtime(self) -> Result<Outcome, Self> {
        match self {
            Self::Doctor(command) => Ok(command.run()),
            Self::Completion(command) => Ok(command.run()),
            Self::Man(command) => Ok(command.run()),
            Self::Reference(command) => Ok(command.run()),
            Self::Vmm(command) => Ok(command.run()),
            Self::Traced(command) => Ok(command.run()),
            other => Err(other),
        }
    }

    async fn run(self, global: GlobalArgs) -> Outcome {
        match self {
            Self::Run(command) => command.run(&global).await,
            Self::Ps(command) => command.run(&global).await,
            Self::Stop(command) => command.run(&global).await,
            Self::Kill(command) => command.run(&global).await,
            Self::Rm(command) => command.run(&global).await,
            Self::Logs(command) => command.run(&global).await,
            Self::Inspect(command) => command.run(&global).await,
            Self::Wait(command) => command.run(&global).await,
            Self::Stats(command) => command.run(&global).await,
            Self::Build(command) => command.run(&global).await,
            Self::Image(command) => command.run(&global).await,
            Self::Volume(command) => command.run(&global).await,
            Self::Push(command) => Box::pin(command.run(&global)).await,
            Self::Pull(command) => Box::pin(command.run(&global)).await,
            Self::Save(command) => command.run(&global).await,
            Self::Load(command) => command.run(&global).await,
            Self::Pool(command) => command.run(&global).await,
            Self::Demo(command) => command.run(&global).await,
            Self::Daemon(command) => command.run(global).await,
            Self::Doctor(_)
            | Self::Completion(_)
            | Self::Man(_)
            | Self::Reference(_)
            | Self::Vmm(_)
            | Self::Traced(_) => Ok(ExitCode::SUCCESS),
        }
    }
}

/// Runs `command` on tokio; several threads, because `daemon`, `run` and `demo` may be a daemon themselves.
fn in_runtime(command: Command, global: GlobalArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| {
            CliError::new(format!("cannot start threads: {e}"))
                .hint("raise the limit of processes (ulimit -u)")
        })?;
    let outcome = runtime.block_on(Box::pin(command.run(global)));
    // A read of stdin or a name look-up that still blocks a thread must not hold up the end.
    runtime.shutdown_background();
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_tree_is_consistent() {
        Cli::command().debug_assert();
    }
}
