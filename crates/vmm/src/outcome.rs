//! How a microVM ended: the value that [`run`](crate::run) returns and the line in the exit file.
//!
//! The exit file is what a manager that was away (restarted, killed) reads, so it appears whole or not at all:
//! it is written beside its place and then renamed.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use uigniter_abi::exit::ExitStatus;

/// The end of a microVM. As JSON: `{"status":"exited","code":3}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// The program ended with this status.
    Exited {
        /// Low eight bits of the program's `exit_group(2)` argument.
        code: u8,
    },
    /// A signal ended the program.
    Signaled {
        /// Its number, `signal(7)`.
        signal: u8,
    },
    /// The guest kernel failed, or the virtual CPU could not go on (triple fault).
    KernelPanic {
        /// What the monitor saw, where the guest itself did not say it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// Boot ended before the program's first instruction; the console says why.
    BootFailed,
    /// The guest asked for a reset and gave no status.
    Reset,
    /// The monitor could not go on.
    VmmError {
        /// Why, in one line.
        message: String,
    },
    /// `SIGTERM` or `SIGINT` ended the monitor.
    Killed,
}

impl Outcome {
    /// Status for the process that stands for this microVM: [`ExitStatus::process_status`] where the guest gave a status,
    /// 0 after a reset, 71 (`EX_OSERR` of `sysexits(3)`) for the monitor's own failure, 143 (128 + `SIGTERM`) when killed.
    #[must_use]
    pub fn process_status(&self) -> u8 {
        match self {
            Self::Exited { code } => *code,
            Self::Signaled { signal } => ExitStatus::Signaled(*signal).process_status(),
            Self::KernelPanic { .. } => ExitStatus::KernelPanic.process_status(),
            Self::BootFailed => ExitStatus::BootFailed.process_status(),
            Self::Reset => 0,
            Self::VmmError { .. } => 71,
            Self::Killed => 143,
        }
    }

    /// Writes the outcome as one JSON line to `path`, atomically.
    ///
    /// # Errors
    ///
    /// What `open(2)`, `write(2)` or `rename(2)` said; the temporary file is gone then.
    pub fn write_to(&self, path: &Path) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary: PathBuf = path.with_file_name(name);
        let written = fs::File::create(&temporary)
            .and_then(|mut file| file.write_all(&line))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // Best effort: the first error is the one to tell.
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

impl From<ExitStatus> for Outcome {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Exited(code) => Self::Exited { code },
            ExitStatus::Signaled(signal) => Self::Signaled { signal },
            ExitStatus::KernelPanic => Self::KernelPanic { message: None },
            ExitStatus::BootFailed => Self::BootFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_file_has_one_json_line_per_outcome() {
        let path = std::env::temp_dir().join(format!("uigniter-exit-{}", std::process::id()));
        for (outcome, line) in [
            (Outcome::Exited { code: 3 }, r#"{"status":"exited","code":3}"#),
            (
                Outcome::Signaled { signal: 11 },
                r#"{"status":"signaled","signal":11}"#,
            ),
            (
                Outcome::KernelPanic { message: None },
                r#"{"status":"kernel-panic"}"#,
            ),
            (Outcome::Killed, r#"{"status":"killed"}"#),
        ] {
            outcome.write_to(&path).unwrap();
            let text = fs::read_to_string(&path).unwrap();
            assert_eq!(text, format!("{line}\n"));
            assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), outcome);
        }
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let directory = std::env::temp_dir().join(format!("uigniter-exit-dir-{}", std::process::id()));
        // The target is a directory that is not empty: rename(2) refuses.
        fs::create_dir_all(directory.join("target/inside")).unwrap();
        assert!(Outcome::Reset.write_to(&directory.join("target")).is_err());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        fs::remove_dir_all(directory).unwrap();
    }
}
