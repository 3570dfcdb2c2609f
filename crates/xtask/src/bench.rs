//! `cargo xtask bench`: the figures of `docs/benchmarks.md`, each by one command.

mod beside;
mod coldstart;
mod compute;
mod container;
mod density;
mod floor;
mod hypervisors;
mod idle;
mod image;
mod page;
mod syscall;

use anyhow::Result;
use clap::Subcommand;

use crate::Format;

/// What is measured
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Bench {
    /// From POST /vm/run to the first HTTP byte; beside it a raw-KVM floor and `runc run`
    Coldstart {
        /// How many instances, one after another
        #[arg(long, default_value_t = 100)]
        instances: u32,
        /// MicroVMs that wait
        #[arg(long, default_value_t = 4)]
        pool: u32,
    },
    /// The same server on every monitor that is there: time to the first byte, memory, CPU time while idle
    Hypervisors {
        /// How many instances of each, one after another
        #[arg(long, default_value_t = 100)]
        instances: u32,
    },
    /// CPU time of idle instances
    Idle {
        /// How many instances
        #[arg(long, default_value_t = 50)]
        instances: u32,
        /// For how long
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
    /// Memory per instance: the slope of MemAvailable
    Density {
        /// Numbers of instances, rising
        #[arg(long, value_delimiter = ',', default_values_t = [10, 50, 100])]
        steps: Vec<u32>,
    },
    /// What a system call costs, rewritten and trapped, beside the same program as a host process
    Syscall {
        /// How often each side runs
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
    /// How quickly a program computes, beside the same program as a host process
    Compute {
        /// How often each side runs
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
    /// Building an image of node's Debian files: time, memory, size and boot, beside mkfs.erofs, tar and umoci
    Image {
        /// How often each tool packs
        #[arg(long, default_value_t = 3)]
        rounds: u32,
    },
}

impl Bench {
    pub(crate) fn run(self, format: Format) -> Result<()> {
        match self {
            Self::Coldstart { instances, pool } => show(format, &coldstart::measure(instances, pool)?),
            Self::Hypervisors { instances } => show(format, &hypervisors::measure(instances)?),
            Self::Idle { instances, seconds } => show(format, &idle::measure(instances, seconds)?),
            Self::Density { steps } => show(format, &density::measure(&steps)?),
            Self::Syscall { rounds } => show(format, &syscall::measure(rounds)?),
            Self::Compute { rounds } => show(format, &compute::measure(rounds)?),
            Self::Image { rounds } => show(format, &image::measure(rounds)?),
        }
    }
}

/// Prints a result for people or for programs.
fn show(format: Format, result: &(impl serde::Serialize + std::fmt::Display)) -> Result<()> {
    match format {
        Format::Table => println!("{result}"),
        Format::Json => println!("{}", serde_json::to_string_pretty(result)?),
    }
    Ok(())
}
