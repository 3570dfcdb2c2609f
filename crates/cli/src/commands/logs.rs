//! `uigniter logs`: what an instance's console said.

use std::{io::ErrorKind, process::ExitCode};

use clap::Args;
use tokio::io::AsyncWriteExt as _;
use uigniter_api::{Client, instance::LogsQuery};

use crate::{
    cli::GlobalArgs,
    error::{CliError, Outcome},
};

/// Show what an instance printed
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  uigniter logs web\n  uigniter logs -f --tail 10 web")]
pub(crate) struct Logs {
    /// Go on until the instance ends
    #[arg(short, long)]
    follow: bool,
    /// Only the last so many lines
    #[arg(short = 'n', long, value_name = "LINES")]
    tail: Option<u32>,
    /// Name or id
    instance: String,
}

impl Logs {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let query = LogsQuery {
            follow: self.follow,
            tail: self.tail,
        };
        copy_to_stdout(&global.client(), &self.instance, &query).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// How a copy of a console ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    /// The log had no more.
    All,
    /// Whoever read our output went away.
    ReaderGone,
}

/// Copies an instance's console to stdout, byte by byte as it was.
pub(crate) async fn copy_to_stdout(client: &Client, id: &str, query: &LogsQuery) -> Result<Copied, CliError> {
    let mut log = client.logs(id, query).await?;
    let mut stdout = tokio::io::stdout();
    while let Some(piece) = log.next().await? {
        let written = async {
            stdout.write_all(&piece).await?;
            stdout.flush().await
        };
        match written.await {
            Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(Copied::ReaderGone),
            other => other?,
        }
    }
    Ok(Copied::All)
}
