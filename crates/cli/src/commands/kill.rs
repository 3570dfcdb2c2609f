//! `uigniter kill`: ends instances at once.

use clap::Args;

use super::for_each;
use crate::{cli::GlobalArgs, error::Outcome};

/// End instances at once, without asking the program
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  uigniter kill web")]
pub(crate) struct Kill {
    /// Names or ids
    #[arg(required = true, value_name = "INSTANCE")]
    instances: Vec<String>,
}

impl Kill {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        for_each(&self.instances, async |id| {
            client.kill_instance(&id).await?;
            Ok(())
        })
        .await
    }
}
