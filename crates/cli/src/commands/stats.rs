//! `uigniter stats`: what instances use at this moment.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use uigniter_api::{
    Client, ErrorCode,
    instance::{Instance, Stats as Usage},
};

use crate::{
    cli::GlobalArgs,
    error::{CliError, Outcome},
    output::{self, OutputArgs},
};

/// Show what instances use: CPU time, memory, time since start
///
/// RSS is the resident memory of the VMM process; PSS counts pages that several share once, divided among them.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  uigniter stats\n  uigniter stats web -o json")]
pub(crate) struct Stats {
    #[command(flatten)]
    output: OutputArgs,
    /// Names or ids; all that run when there is none
    #[arg(value_name = "INSTANCE")]
    instances: Vec<String>,
}

impl Stats {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        let mut status = ExitCode::SUCCESS;
        let mut found = Vec::new();
        for (instance, usage) in self.collect(&client, &mut status).await? {
            found.push((instance.name, usage));
        }
        let rows: Vec<_> = found.iter().map(|(name, usage)| row(name, usage)).collect();
        let usages: Vec<_> = found.iter().map(|(_, usage)| usage).collect();
        let head = [
            "ID",
            "NAME",
            "CPU TIME",
            "RSS",
            "PSS",
            "UPTIME",
            "LACKING SYSCALLS",
        ];
        self.output.print(&usages, &head, &rows)?;
        Ok(status)
    }

    /// Those that were named, or all that run.
    async fn collect(
        &self,
        client: &Client,
        status: &mut ExitCode,
    ) -> Result<Vec<(Instance, Usage)>, CliError> {
        let mut found = Vec::new();
        if self.instances.is_empty() {
            for instance in client.list_instances().await? {
                if instance.pid.is_none() {
                    continue;
                }
                match client.stats(&instance.id).await {
                    Ok(usage) => found.push((instance, usage)),
                    // It ended after the list was made.
                    Err(e)
                        if matches!(
                            e.code(),
                            Some(ErrorCode::InstanceNotFound | ErrorCode::WrongState)
                        ) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        for id in &self.instances {
            let both = async { Ok::<_, CliError>((client.get_instance(id).await?, client.stats(id).await?)) };
            match both.await {
                Ok(both) => found.push(both),
                Err(error) => *status = error.report(),
            }
        }
        Ok(found)
    }
}

fn row(name: &str, usage: &Usage) -> Vec<String> {
    vec![
        usage.id.clone(),
        name.to_owned(),
        format!("{:.2} s", Duration::from_micros(usage.cpu_time_us).as_secs_f64()),
        output::bytes(usage.rss_bytes),
        output::bytes(usage.pss_bytes),
        output::duration(Duration::from_millis(usage.uptime_ms)),
        usage.unimplemented_syscalls.to_string(),
    ]
}
