//! Unikernels as microVMs: command line, daemon and VMM in one binary.
//!
//! [`cli`] is the command tree; [`commands`] has one file per command. The daemon starts this same binary again for each
//! microVM, as `uigniter vmm`.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod connection;
mod embedded;
mod env_file;
mod env_vars;
mod error;
mod output;
mod packing;
mod private_daemon;
mod programs;
mod progress;
mod registry;
mod signals;
mod transfer;
mod values;

use std::process::ExitCode;

fn main() -> ExitCode {
    // One VMM starts per microVM: it gets by without the whole command tree and without an asynchronous runtime.
    if std::env::args_os().nth(1).is_some_and(|command| command == "vmm") {
        return commands::vmm::main();
    }
    cli::main()
}
