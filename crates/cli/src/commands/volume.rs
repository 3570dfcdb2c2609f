//! `uigniter volume`: data that outlives instances.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use uigniter_api::volume::{DEFAULT_VOLUME_BYTES, Volume as ApiVolume, VolumeRequest};

use super::for_each;
use crate::{
    cli::GlobalArgs,
    error::{CliError, Outcome},
    output::{self, OutputArgs},
    values::{since, size_bytes},
};

/// Make, list and remove volumes
///
/// A volume is an ext4 file system in a file of the daemon's. Instances mount it ('uigniter run --volume NAME:/PATH'), and what they write stays: when they
/// end, when they are killed, when the daemon is replaced. What a program has synced (fsync) is there whatever happens. One instance at
/// a time writes to a volume; several may read it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  uigniter volume create --size 10G data
  uigniter run -d --name db --volume data:/var/lib/app ./server
  uigniter volume ls
  uigniter volume inspect data
  uigniter volume rm data")]
pub(crate) struct Volume {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a volume; 'run --volume' makes one of the default size where there is none
    Create {
        /// Size: MiB, or a number with M or G, 32M to 256G [default: 1G]; what is not written takes no room on the host
        #[arg(long, value_name = "SIZE", value_parser = size_bytes)]
        size: Option<u64>,
        /// Name
        name: String,
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List volumes
    Ls {
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Show volumes as JSON: the file, its size, who uses it
    Inspect {
        /// Names
        #[arg(required = true, value_name = "VOLUME")]
        volumes: Vec<String>,
    },
    /// Remove volumes that nobody uses, with all that is in them
    Rm {
        /// Names
        #[arg(required = true, value_name = "VOLUME")]
        volumes: Vec<String>,
    },
    /// Remove all volumes that no instance names, with all that is in them
    Prune {
        /// Do it: what was in them is gone for good
        #[arg(long)]
        yes: bool,
    },
}

impl Volume {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        match self.command {
            Command::Create { size, name, output } => {
                let request = VolumeRequest {
                    name,
                    size_bytes: size.unwrap_or(DEFAULT_VOLUME_BYTES),
                };
                show(output, &[client.create_volume(&request).await?])?;
            }
            Command::Ls { output } => show(output, &client.list_volumes().await?)?,
            Command::Inspect { volumes } => {
                let mut found = Vec::new();
                for name in &volumes {
                    found.push(client.get_volume(name).await?);
                }
                output::json(&found)?;
            }
            Command::Rm { volumes } => {
                return for_each(&volumes, async |name| {
                    client.delete_volume(&name).await?;
                    Ok(())
                })
                .await;
            }
            Command::Prune { yes } => {
                if !yes {
                    return refuse_to_prune();
                }
                for name in client.prune_volumes().await? {
                    output::line(&name)?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn refuse_to_prune() -> Outcome {
    Err(
        CliError::new("--yes is missing, and what is pruned is gone for good")
            .hint("'uigniter volume ls' shows what there is and who uses it"),
    )
}

fn show(output: OutputArgs, volumes: &[ApiVolume]) -> Result<(), CliError> {
    let rows: Vec<_> = volumes.iter().map(row).collect();
    output.print(&volumes, &["NAME", "SIZE", "USED", "USED BY", "CREATED"], &rows)
}

fn row(volume: &ApiVolume) -> Vec<String> {
    let users: Vec<_> = volume.users.iter().map(|user| user.instance.as_str()).collect();
    vec![
        volume.name.clone(),
        output::bytes(volume.size_bytes),
        output::bytes(volume.used_bytes),
        users.join(", "),
        format!("{} ago", output::duration(since(volume.created_at_ms))),
    ]
}
