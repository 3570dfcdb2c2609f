//! `uigniter ps`: the instances.

use std::process::ExitCode;

use clap::Args;
use uigniter_api::instance::{Instance, State};

use crate::{
    cli::GlobalArgs,
    error::Outcome,
    output::{self, OutputArgs},
    values::since,
};

/// List instances
///
/// Without --all, only those that have not ended.
#[derive(Debug, Args)]
#[command(
    visible_alias = "ls",
    after_help = "Examples:\n  uigniter ps\n  uigniter ps -a -o json\n  uigniter rm -f $(uigniter ps -q)"
)]
pub(crate) struct Ps {
    /// Show also those that have ended
    #[arg(short, long)]
    all: bool,
    #[command(flatten)]
    output: OutputArgs,
}

impl Ps {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let mut instances = global.client().list_instances().await?;
        instances.retain(|instance| self.all || !instance.state.has_ended());
        let rows: Vec<_> = instances.iter().map(row).collect();
        let head = ["ID", "NAME", "IMAGE", "STATE", "ADDRESS", "PORTS", "CREATED"];
        self.output.print(&instances, &head, &rows)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn row(instance: &Instance) -> Vec<String> {
    let ports: Vec<_> = instance
        .publish
        .iter()
        .map(|port| {
            format!(
                "{}:{}->{}/{}",
                port.host_ip, port.host_port, port.guest_port, port.protocol
            )
        })
        .collect();
    vec![
        instance.id.clone(),
        instance.name.clone(),
        instance.image.clone(),
        state(instance),
        instance.ip_address.map(|ip| ip.to_string()).unwrap_or_default(),
        ports.join(", "),
        format!("{} ago", output::duration(since(instance.created_at_ms))),
    ]
}

/// The state with what matters in it: `running 3m 12s`, `exited (0)`.
fn state(instance: &Instance) -> String {
    match (instance.state, &instance.exit, instance.started_at_ms) {
        (State::Running, _, Some(start)) => format!("running {}", output::duration(since(start))),
        (state, Some(exit), _) => format!("{state} ({})", exit.code),
        (state, ..) => state.to_string(),
    }
}
