//! How an instance ended: from our VMM's `exit.json`, from the library OS's last line on the console where another monitor ran it, or from what is known where there is neither.

use std::{fs, io};

use serde::Deserialize;
use uigniter_abi::exit::{CONSOLE_PREFIX, ExitStatus};
use uigniter_api::instance::{EMBEDDED, Exit, ExitReason};

use crate::{state_dir::InstanceDir, vm::reason_in};

/// Status of a process that was killed by signal 9, as shells have it.
const KILLED_CODE: u8 = 128 + 9;
/// `EX_SOFTWARE` of `sysexits(3)`.
const FAILED_CODE: u8 = 70;

/// `exit.json`, as the VMM writes it.
#[derive(Debug, Deserialize)]
struct Report {
    status: String,
    code: Option<u8>,
    signal: Option<u8>,
    message: Option<String>,
}

impl Report {
    /// What our VMM wrote.
    fn of_vmm(dir: &InstanceDir) -> Option<Self> {
        serde_json::from_slice(&fs::read(dir.exit()).ok()?).ok()
    }

    /// What the library OS said last, where the monitor has no exit port. A program can print the line as well, but only about its own end.
    fn of_guest(dir: &InstanceDir) -> Option<Self> {
        let console = tail(&dir.console())?;
        let status = console.lines().rev().find_map(ExitStatus::from_console_line)?;
        let (word, code, signal) = match status {
            ExitStatus::Exited(code) => ("exited", Some(code), None),
            ExitStatus::Signaled(signal) => ("signaled", None, Some(signal)),
            ExitStatus::KernelPanic => ("kernel-panic", None, None),
            ExitStatus::BootFailed => ("boot-failed", None, None),
        };
        Some(Self {
            status: word.into(),
            code,
            signal,
            message: None,
        })
    }
}

/// How the instance in `dir`, which `monitor` ran, ended. `killed` says that we did it, `process` what is known of the process otherwise.
pub(crate) fn read(dir: &InstanceDir, monitor: &str, killed: bool, process: &str) -> Exit {
    let report = match monitor {
        EMBEDDED => Report::of_vmm(dir),
        _ => Report::of_guest(dir),
    };
    let Some(report) = report else {
        return if killed {
            Exit {
                reason: ExitReason::Killed,
                code: KILLED_CODE,
                message: None,
            }
        } else {
            let said = tail(&dir.vmm_log()).and_then(|log| reason_in(&log));
            let message = said.unwrap_or_else(|| process.to_owned());
            Exit {
                reason: ExitReason::VmmError,
                code: FAILED_CODE,
                message: Some(message),
            }
        };
    };
    let (reason, code) = classify(&report, killed);
    let message = report.message.or_else(|| match reason {
        ExitReason::BootFailed | ExitReason::KernelPanic => last_words(&dir.console()),
        ExitReason::Signaled => Some(signal_message(report.signal, dir)),
        _ => None,
    });
    Exit {
        reason,
        code,
        message,
    }
}

/// The signal, and what the kernel's last line on the console adds to it: the place where it struck, or that memory ran out.
fn signal_message(signal: Option<u8>, dir: &InstanceDir) -> String {
    let ended = format!("ended by signal {}", signal.unwrap_or_default());
    let last = last_words(&dir.console()).unwrap_or_default();
    match last.strip_prefix("uigniter: ") {
        Some(place) if place.starts_with("at ") => format!("{ended}, {place}"),
        // The report's last line is registers where the program has no symbols.
        Some(reason) if !reason.starts_with(' ') => format!("{ended}: {reason}"),
        _ => ended,
    }
}

fn classify(report: &Report, killed: bool) -> (ExitReason, u8) {
    match report.status.as_str() {
        "exited" => (ExitReason::Exited, report.code.unwrap_or_default()),
        "signaled" => {
            let signal = report.signal.unwrap_or_default().min(64);
            (
                ExitReason::Signaled,
                ExitStatus::Signaled(signal).process_status(),
            )
        }
        "kernel-panic" => (ExitReason::KernelPanic, ExitStatus::KernelPanic.process_status()),
        "boot-failed" => (ExitReason::BootFailed, ExitStatus::BootFailed.process_status()),
        "reset" if killed => (ExitReason::Killed, KILLED_CODE),
        "reset" => (ExitReason::Reset, FAILED_CODE),
        "killed" => (ExitReason::Killed, KILLED_CODE),
        _ => (ExitReason::VmmError, FAILED_CODE),
    }
}

/// The last line of a console that says something, without our own exit line.
fn last_words(console: &std::path::Path) -> Option<String> {
    let text = tail(console)?;
    let said = |line: &&str| !line.is_empty() && !line.starts_with(CONSOLE_PREFIX);
    let line = text.lines().rev().map(str::trim).find(said)?;
    // For one line of an answer; the log has it whole.
    Some(line.chars().filter(|c| !c.is_control()).take(400).collect())
}

/// The end of a log; `None` if it cannot be read.
fn tail(log: &std::path::Path) -> Option<String> {
    const WINDOW_BYTES: u64 = 8192;
    let read = || -> io::Result<Vec<u8>> {
        use std::os::unix::fs::FileExt;
        let file = fs::File::open(log)?;
        let length = file.metadata()?.len();
        let mut bytes = vec![0; usize::try_from(length.min(WINDOW_BYTES)).unwrap_or_default()];
        let start = length - bytes.len() as u64;
        file.read_exact_at(&mut bytes, start)?;
        Ok(bytes)
    };
    Some(String::from_utf8_lossy(&read().ok()?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_dir::StateDir;

    fn exit(report: Option<&str>, console: &str, killed: bool) -> Exit {
        let folder = tempfile::tempdir().unwrap();
        let (state, _lock) = StateDir::open(folder.path()).unwrap();
        let dir = state.instance("0123456789ab");
        dir.create().unwrap();
        fs::write(dir.console(), console).unwrap();
        if let Some(report) = report {
            fs::write(dir.exit(), report).unwrap();
        }
        read(&dir, EMBEDDED, killed, "signal 11 ended the VMM")
    }

    #[test]
    fn every_report_is_understood() {
        for (report, reason, code) in [
            (r#"{"status":"exited","code":3}"#, ExitReason::Exited, 3),
            (r#"{"status":"signaled","signal":11}"#, ExitReason::Signaled, 139),
            (r#"{"status":"kernel-panic"}"#, ExitReason::KernelPanic, 70),
            (r#"{"status":"boot-failed"}"#, ExitReason::BootFailed, 78),
            (r#"{"status":"reset"}"#, ExitReason::Reset, 70),
            (r#"{"status":"killed"}"#, ExitReason::Killed, 137),
            (
                r#"{"status":"vmm-error","message":"x"}"#,
                ExitReason::VmmError,
                70,
            ),
        ] {
            let exit = exit(Some(report), "", false);
            assert_eq!((exit.reason, exit.code), (reason, code), "{report}");
        }
    }

    #[test]
    fn a_failed_boot_repeats_the_guests_last_words() {
        let console = "booting\r\nno such file: /hello\r\nuigniter: exit boot-failed\r\n\r\n";
        let exit = exit(Some(r#"{"status":"boot-failed"}"#), console, false);
        assert_eq!(exit.message.as_deref(), Some("no such file: /hello"));
    }

    #[test]
    fn a_crash_names_signal_and_place() {
        let report = Some(r#"{"status":"signaled","signal":11}"#);
        let console = "hello\r\nuigniter: rip 401655\r\nuigniter: at boom+0x0\r\n";
        assert_eq!(
            exit(report, console, false).message.as_deref(),
            Some("ended by signal 11, at boom+0x0")
        );
        assert_eq!(
            exit(report, "hello", false).message.as_deref(),
            Some("ended by signal 11")
        );
        let killed = Some(r#"{"status":"signaled","signal":9}"#);
        assert_eq!(
            exit(killed, "uigniter: out of memory", false).message.as_deref(),
            Some("ended by signal 9: out of memory")
        );
    }

    #[test]
    fn without_a_report_the_process_speaks() {
        assert_eq!(exit(None, "", true).reason, ExitReason::Killed);
        let vanished = exit(None, "", false);
        assert_eq!(vanished.reason, ExitReason::VmmError);
        assert_eq!(vanished.message.as_deref(), Some("signal 11 ended the VMM"));
        assert_eq!(exit(Some("garbage"), "", true).reason, ExitReason::Killed);
    }
}
