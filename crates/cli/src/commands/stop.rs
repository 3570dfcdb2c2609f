//! `uigniter stop`: ends instances gracefully.

use clap::Args;
use uigniter_api::instance::{DEFAULT_GRACE_SECONDS, StopRequest};

use super::for_each;
use crate::{cli::GlobalArgs, error::Outcome};

/// Stop instances: SIGTERM for the program, and a kill when it does not end in time
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  uigniter stop web\n  uigniter stop --time 30 web db")]
pub(crate) struct Stop {
    /// Seconds that the program has to end by itself
    #[arg(short, long, value_name = "SECONDS", default_value_t = DEFAULT_GRACE_SECONDS)]
    time: u32,
    /// Names or ids
    #[arg(required = true, value_name = "INSTANCE")]
    instances: Vec<String>,
}

impl Stop {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        let request = StopRequest {
            grace_seconds: self.time,
        };
        for_each(&self.instances, async |id| {
            client.stop_instance(&id, &request).await?;
            Ok(())
        })
        .await
    }
}
