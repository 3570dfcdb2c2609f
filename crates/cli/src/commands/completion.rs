//! `uigniter completion`: shell completions, derived from the flags' own declaration.

use std::{io, process::ExitCode};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{cli::Cli, error::Outcome};

/// Print a shell completion script
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  source <(uigniter completion bash)\n  uigniter completion zsh > /usr/local/share/zsh/site-functions/_uigniter"
)]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completion {
    pub(crate) fn run(self) -> Outcome {
        // Written in one piece: clap_complete panics when a pipe closes halfway.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "uigniter", &mut script);
        io::Write::write_all(&mut io::stdout().lock(), &script)?;
        Ok(ExitCode::SUCCESS)
    }
}
