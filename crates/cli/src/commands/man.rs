//! `uigniter man`: manual pages, for packagers.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory as _};

use crate::{
    cli::Cli,
    error::{CliError, Outcome},
};

/// Write the manual pages, one per command, into a folder
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  uigniter man /usr/local/share/man/man1")]
pub(crate) struct Man {
    /// Folder for the pages; it is made when it is not there
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

impl Man {
    pub(crate) fn run(self) -> Outcome {
        let refused = |e: std::io::Error| {
            CliError::new(format!(
                "cannot write manual pages to {}: {e}",
                self.dir.display()
            ))
            .hint("name a folder that you may write to")
        };
        fs::create_dir_all(&self.dir).map_err(refused)?;
        clap_mangen::generate_to(Cli::command(), &self.dir).map_err(refused)?;
        Ok(ExitCode::SUCCESS)
    }
}
