//! A guest on our VMM, driven over its API as any manager drives it.

use std::{
    fs, io,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;
use uigniter_abi::exit::ExitStatus;
use uigniter_firecracker_client::{
    self as client, Action, Balloon, BootSource, Client, Drive, MachineConfig, Pmem, Serial,
};

use crate::{
    bounded::{self, Bounded},
    guest::{Guest, MEMORY_MIB, Report},
};

/// A VMM listens within milliseconds; this is for machines that do other things.
const READY: Duration = Duration::from_secs(20);

/// The serial port's output, in the guest's folder; apart from the virtio console's, as the two are not in step.
const SERIAL: &str = "serial";

/// Why the VMM gave no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no command to start.
    #[error("the VMM's command is empty")]
    NoCommand,
    /// It did not start or did not end.
    #[error("{source}\nconsole:\n{}", String::from_utf8_lossy(console))]
    Child {
        /// Why.
        source: bounded::Error,
        /// The console until then.
        console: Vec<u8>,
    },
    /// It refused a request, or did not answer.
    #[error("{source}; it said:\n{said}")]
    Api {
        /// What was refused.
        source: client::Error,
        /// Output of the VMM process.
        said: String,
    },
    /// Socket, console or exit file.
    #[error("cannot use the VMM's files: {0}")]
    Files(#[from] io::Error),
    /// The exit file says something else than a guest's end.
    #[error("the VMM did not see the guest's end: {said}")]
    NoStatus {
        /// Exit file and output of the VMM process.
        said: String,
    },
}

/// Runs one guest to its end; `command` and its words become the VMM process.
///
/// # Errors
///
/// See [`Error`].
pub fn run(guest: &Guest<'_>, command: &[PathBuf]) -> Result<Report, Error> {
    let (program, words) = command.split_first().ok_or(Error::NoCommand)?;
    let [socket, exit, console] = ["api.sock", "exit", "console"].map(|name| guest.folder.join(name));
    let begin = Instant::now();
    let mut process = Command::new(program);
    process
        .args(words)
        .args(["--id", "conformance", "--api-sock"])
        .arg(&socket);
    process
        .arg("--exit-file")
        .arg(&exit)
        .arg("--console-file")
        .arg(&console);
    let unsuccessful = |source| Error::Child {
        source,
        console: fs::read(&console).unwrap_or_default(),
    };
    let child = Bounded::start(&mut process).map_err(unsuccessful)?;

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if let Err(source) = runtime.block_on(boot(&Client::new(&socket), guest, begin + READY)) {
        // The reason is often in the process's own last words; it gets no time to say more.
        let said = match child.finish(Duration::ZERO) {
            Ok((output, _)) | Err(bounded::Error::Expired { output, .. }) => output,
            Err(error) => error.to_string().into_bytes(),
        };
        return Err(Error::Api {
            source,
            said: String::from_utf8_lossy(&said).into_owned(),
        });
    }
    let (output, _) = child
        .finish(guest.limit.saturating_sub(begin.elapsed()))
        .map_err(unsuccessful)?;
    let line = fs::read_to_string(&exit).unwrap_or_default();
    let status = status(&line).ok_or_else(|| Error::NoStatus {
        said: format!("{line}{}", String::from_utf8_lossy(&output)),
    })?;
    // A guest without last words has written nothing there, and there may be no file then.
    let serial = fs::read(guest.folder.join(SERIAL)).unwrap_or_default();
    Ok(Report {
        console: fs::read(&console)?,
        serial,
        status,
    })
}

async fn boot(vm: &Client, guest: &Guest<'_>, deadline: Instant) -> Result<(), client::Error> {
    vm.wait_until_ready(deadline).await?;
    vm.put_machine_config(&MachineConfig::new(1, MEMORY_MIB.into()))
        .await?;
    vm.put_boot_source(&BootSource::new(guest.kernel, guest.boot_line))
        .await?;
    if guest.as_memory {
        vm.put_pmem(&Pmem::new("disk", guest.disk, true)).await?;
    } else {
        vm.put_drive(&Drive::new("disk", guest.disk, true)).await?;
    }
    let balloon = Balloon {
        amount_mib: 0,
        deflate_on_oom: false,
        free_page_reporting: true,
    };
    vm.put_balloon(&balloon).await?;
    vm.put_entropy().await?;
    let serial_out_path = guest.folder.join(SERIAL);
    vm.put_serial(&Serial { serial_out_path }).await?;
    vm.action(Action::InstanceStart).await
}

/// Reads an exit file: one JSON line, `{"status":"exited","code":3}`.
fn status(line: &str) -> Option<ExitStatus> {
    let value: Value = serde_json::from_str(line).ok()?;
    let number = |key: &str| {
        value
            .get(key)
            .and_then(Value::as_u64)
            .and_then(|number| u8::try_from(number).ok())
    };
    match value.get("status")?.as_str()? {
        "exited" => Some(ExitStatus::Exited(number("code")?)),
        "signaled" => Some(ExitStatus::Signaled(number("signal")?)),
        // With a message it is the VMM's observation (a triple fault), which the report should show.
        "kernel-panic" if value.get("message").is_none() => Some(ExitStatus::KernelPanic),
        "boot-failed" => Some(ExitStatus::BootFailed),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_files_are_understood() {
        assert_eq!(
            status("{\"status\":\"exited\",\"code\":3}\n"),
            Some(ExitStatus::Exited(3))
        );
        assert_eq!(
            status("{\"status\":\"signaled\",\"signal\":11}\n"),
            Some(ExitStatus::Signaled(11))
        );
        assert_eq!(
            status("{\"status\":\"kernel-panic\",\"message\":\"triple fault\"}"),
            None
        );
        assert_eq!(status(""), None);
    }
}
