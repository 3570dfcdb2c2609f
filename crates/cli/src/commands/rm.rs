//! `uigniter rm`: deletes instances with everything that they hold.

use clap::Args;

use super::for_each;
use crate::{cli::GlobalArgs, error::Outcome};

/// Remove instances: address, console log, private disk
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  uigniter rm web\n  uigniter rm -f $(uigniter ps -qa)")]
pub(crate) struct Rm {
    /// Kill those that still run first
    #[arg(short, long)]
    force: bool,
    /// Names or ids
    #[arg(required = true, value_name = "INSTANCE")]
    instances: Vec<String>,
}

impl Rm {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        for_each(&self.instances, async |id| {
            client.delete_instance(&id, self.force).await?;
            Ok(())
        })
        .await
    }
}
