//! `uigniter wait`: until instances end.

use std::process::ExitCode;

use clap::Args;

use crate::{cli::GlobalArgs, error::Outcome, output};

/// Wait until instances have ended, and print the status of each
///
/// The status is the program's own, 128 plus a signal's number, 137 after a kill, 70 or 78 when the library OS failed or the
/// boot did.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  uigniter run -d --name job ./job && uigniter wait job")]
pub(crate) struct Wait {
    /// Names or ids
    #[arg(required = true, value_name = "INSTANCE")]
    instances: Vec<String>,
}

impl Wait {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        let mut status = ExitCode::SUCCESS;
        for id in &self.instances {
            match client.wait_instance(id).await {
                Ok(exit) => output::line(&exit.code.to_string())?,
                Err(error) => status = crate::error::CliError::from(error).report(),
            }
        }
        Ok(status)
    }
}
