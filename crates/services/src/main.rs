//! The program of the microservice platform: one binary, a service for each subcommand.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    uigniter_services::cli::main()
}
