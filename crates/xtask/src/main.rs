//! What contributors run: `cargo xtask test`, `ci`, `apps`, `bench`, `soak`, `volumes`, `page`, `rules`.
//!
//! | module | does |
//! |---|---|
//! | [`test`] | the README's test command, and what `.ci/run` and `prepush` put around it |
//! | [`apps`] | programs as Debian ships them, as unikernels |
//! | [`bench`] | the published figures: cold start, idle, density, system calls, computing |
//! | [`fuzz`] | the fuzz targets, with coverage counted |
//! | [`soak`] | run-and-stop cycles that must leave no trace |
//! | [`volumes`] | guests that are killed while they write; what they had synced is there |
//! | [`rules`] | the house style, measured: dependency arrows, lints, lengths |
//! | [`page`] | the services' web page, in a browser |
//! | [`daemon`], [`host`], [`program`], [`figures`] | a daemon to measure, what the kernel counts, something to run, statistics |

mod apps;
mod bench;
mod daemon;
mod figures;
mod fuzz;
mod host;
mod page;
mod program;
mod rules;
mod soak;
mod test;
mod volumes;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// What contributors run
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the release binary, run every test of the workspace, then the demo and a short soak with that binary
    Test,
    /// What CI does: formatting, clippy with warnings denied, then `test`
    #[command(visible_alias = "prepush")]
    Ci,
    Apps(apps::Apps),
    /// Measure
    Bench {
        #[command(subcommand)]
        which: bench::Bench,
        /// How to print the result
        #[arg(short, long, value_enum, default_value_t, global = true)]
        output: Format,
    },
    /// Run and stop instances; fail when anything is left behind
    Soak {
        /// How many times
        #[arg(long, default_value_t = 500)]
        cycles: u32,
    },
    /// Kill monitors while their guests write to a volume; fail when something that was synced is not there, or e2fsck finds anything
    Volumes {
        /// How many
        #[arg(long, default_value_t = 200)]
        kills: u32,
    },
    /// Feed mutated input to the parsers of hostile bytes, guided by coverage
    Fuzz {
        /// One target; without it all, one after another
        target: Option<String>,
        /// How long each
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Print the targets
        #[arg(long)]
        list: bool,
    },
    /// Try the services' web page in headless Chromium, by Playwright
    Page,
    /// Measure the source against the house style, and fail where it breaks a rule
    Rules,
}

/// `-o`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Lines for people
    #[default]
    Table,
    /// One JSON document
    Json,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Test => test::test(),
        Command::Ci => test::ci(),
        Command::Apps(apps) => apps.run(),
        Command::Bench { which, output } => which.run(output),
        Command::Soak { cycles } => soak::run(cycles),
        Command::Volumes { kills } => volumes::run(kills),
        Command::Fuzz { list: true, .. } => fuzz::list(),
        Command::Fuzz { target, seconds, .. } => fuzz::run(target.as_deref(), seconds),
        Command::Page => page::run(),
        Command::Rules => rules::report(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
