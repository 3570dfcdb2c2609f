//! A daemon and its VMM as one small program, for this crate's tests: what the CLI is to users.
//!
//! - `testbed daemon STATE_DIR NETWORK KERNEL POOL_SIZE private|shared`: runs a daemon until its standard input ends; prints its TCP
//!   address when it answers. Its socket is `STATE_DIR/api.sock`. `UIGNITER_TEST_FIRECRACKER=PATH` has it run that Firecracker in place of our VMM.
//! - `testbed vmm --api-sock PATH --id ID --exit-file PATH`: the VMM.

use std::{env, fs, io::Read, path::PathBuf, process::ExitCode};

use uigniter_daemon::{Config, Daemon, Monitor};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let result = match words.next().as_deref() {
        Some("vmm") => vmm(words),
        Some("daemon") => daemon(words),
        other => Err(format!("expected vmm or daemon, not {other:?}").into()),
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn vmm(mut words: impl Iterator<Item = String>) -> Result<ExitCode, Failure> {
    let mut config = uigniter_vmm::Config::default();
    while let Some(word) = words.next() {
        let value = words.next().ok_or("an option without a value")?;
        match word.as_str() {
            "--api-sock" => config.api_socket = value.into(),
            "--id" => config.id = value,
            "--exit-file" => config.exit_file = Some(value.into()),
            "--console-input" => config.console_input = Some(value.into()),
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    Ok(uigniter_vmm::run(config)?.process_status().into())
}

fn daemon(mut words: impl Iterator<Item = String>) -> Result<ExitCode, Failure> {
    let mut next = || words.next().ok_or("too few arguments");
    let state_dir = PathBuf::from(next()?);
    let network_name = next()?;
    let kernel = fs::read(next()?)?;
    let pool_size = next()?.parse()?;
    let private = next()? == "private";
    let socket = state_dir.join("api.sock");
    let config = Config {
        listen: Some(([127, 0, 0, 1], 0).into()),
        network_name,
        pool_size,
        private,
        monitor: env::var_os("UIGNITER_TEST_FIRECRACKER")
            .map_or_else(Monitor::embedded, |path| Monitor::Firecracker(path.into())),
        ..Config::new(state_dir, socket, kernel)
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    tokio::runtime::Runtime::new()?.block_on(async {
        let daemon = Daemon::start(config).await?;
        println!("{}", daemon.listen_address().ok_or("no address")?);
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
        daemon.shutdown().await?;
        Ok(ExitCode::SUCCESS)
    })
}
