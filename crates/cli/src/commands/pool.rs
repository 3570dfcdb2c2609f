//! `uigniter pool`: the microVMs that wait.

use std::process::ExitCode;

use clap::Args;

use crate::{cli::GlobalArgs, error::Outcome, output::OutputArgs};

/// Show the pool of microVMs that wait for a request, or change its size
///
/// A waiting microVM has its process, network device and address already; `run` only tells it what to boot. Hits are requests
/// that found one waiting.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  uigniter pool\n  uigniter pool --size 8")]
pub(crate) struct Pool {
    /// How many shall wait
    #[arg(long, value_name = "COUNT")]
    size: Option<u32>,
    #[command(flatten)]
    output: OutputArgs,
}

impl Pool {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        let pool = match self.size {
            Some(size) => client.resize_pool(size).await?,
            None => client.pool().await?,
        };
        let row = [
            pool.size.to_string(),
            pool.ready.to_string(),
            pool.hits.to_string(),
            pool.misses.to_string(),
        ];
        self.output
            .print(&pool, &["SIZE", "READY", "HITS", "MISSES"], &[row.to_vec()])?;
        Ok(ExitCode::SUCCESS)
    }
}
