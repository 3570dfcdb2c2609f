//! The monitor as a program of its own: `vmm --api-sock PATH --id ID [--exit-file PATH] [--console-file PATH] [--console-input PATH]`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut config = uigniter_vmm::Config::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let Some(value) = words.next() else {
            eprintln!("{word} needs a value");
            return ExitCode::from(64);
        };
        match word.as_str() {
            "--api-sock" => config.api_socket = value.into(),
            "--id" => config.id = value,
            "--exit-file" => config.exit_file = Some(value.into()),
            "--console-file" => config.console_file = Some(value.into()),
            "--console-input" => config.console_input = Some(value.into()),
            _ => {
                eprintln!(
                    "unknown option {word} (known: --api-sock --id --exit-file --console-file --console-input)"
                );
                return ExitCode::from(64);
            }
        }
    }
    match uigniter_vmm::run(config) {
        Ok(outcome) => outcome.process_status().into(),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(71)
        }
    }
}
