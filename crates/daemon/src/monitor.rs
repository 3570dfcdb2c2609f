//! Monitors: the programs that run microVMs.
//!
//! ```text
//!  start the process ---> prepare (network card, entropy, balloon) ---> configure (disk, boot line) ---> InstanceStart
//!        |                          a pool's microVM waits here                                             |
//!        |                                                                        PATCH /vm: Paused <---> Resumed
//!        +--> its end, by whatever cause, ends the microVM <--- reset by the guest, SendCtrlAltDel, SIGKILL ---+
//! ```
//!
//! Both speak Firecracker's API, so what differs is how the process is started and what it [lacks](Features), which is asked of its version
//! before anything is told to it.

use std::{
    ffi::OsString,
    fmt, io,
    path::{Path, PathBuf},
    process::Command,
};

use uigniter_api::instance::EMBEDDED;
use uigniter_firecracker_client::Client;

use crate::{refusal::Refusal, state_dir::InstanceDir};

/// The oldest Firecracker whose API and boot protocol are known here.
const OLDEST_FIRECRACKER: (u32, u32) = (1, 7);
/// The first Firecracker with free page reporting in its balloon.
const REPORTING_SINCE: (u32, u32) = (1, 14);

/// What runs the microVMs of a daemon.
#[derive(Clone, Debug)]
pub enum Monitor {
    /// Ours: a command that becomes a VMM process when `--api-sock PATH --id ID ...` is appended.
    Embedded(Vec<OsString>),
    /// Firecracker 1.7 or later: its binary.
    Firecracker(PathBuf),
}

/// What a monitor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    /// Images as memory (virtio-pmem), where the library OS finds it.
    pub(crate) image_as_memory: bool,
    /// Memory that the guest does not use goes back to the host.
    pub(crate) page_reporting: bool,
    /// The guest finds a drive by its id. Firecracker's serial strings are made of the file's inode.
    pub(crate) drive_ids: bool,
}

impl Features {
    /// What the guest knows the drive `id` by, the `position`th of its drives.
    pub(crate) fn name_of(self, id: String, position: usize) -> String {
        let letter = u8::try_from(position)
            .ok()
            .and_then(|position| b'a'.checked_add(position));
        match letter.filter(|letter| !self.drive_ids && letter.is_ascii_lowercase()) {
            Some(letter) => format!("vd{}", char::from(letter)),
            None => id,
        }
    }
}

impl Monitor {
    /// Ours, by the running binary.
    #[must_use]
    pub fn embedded() -> Self {
        Self::Embedded(vec!["/proc/self/exe".into(), "vmm".into()])
    }

    /// As the API and error messages call it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Embedded(_) => EMBEDDED,
            Self::Firecracker(_) => "firecracker",
        }
    }

    /// Refuses what no version of it has.
    pub(crate) const fn check(&self, interactive: bool, shares_folders: bool) -> Result<(), Refusal> {
        match self {
            Self::Firecracker(_) if interactive => Err(Refusal::NotSupported {
                feature: "standard input",
                monitor: self.name(),
            }),
            Self::Firecracker(_) if shares_folders => Err(Refusal::NotSupported {
                feature: "a folder of the host's (virtio-fs)",
                monitor: self.name(),
            }),
            _ => Ok(()),
        }
    }

    /// The process that waits on `dir`'s socket. Standard output is the serial port.
    pub(crate) fn command(&self, id: &str, dir: &InstanceDir) -> io::Result<Command> {
        let mut command = match self {
            Self::Embedded(words) => {
                let (program, arguments) = words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
                let mut command = Command::new(program);
                command.args(arguments);
                // What a person sees in `ps`; the path itself may be /proc/self/exe.
                std::os::unix::process::CommandExt::arg0(&mut command, "uigniter");
                command
            }
            Self::Firecracker(binary) => Command::new(binary),
        };
        // The daemon finds its monitors again by this option, and the instance by the path after it.
        command.arg("--api-sock").arg(dir.socket()).args(["--id", id]);
        match self {
            Self::Embedded(_) => command
                .arg("--exit-file")
                .arg(dir.exit())
                .arg("--console-input")
                .arg(dir.input()),
            Self::Firecracker(_) => command
                .arg("--log-path")
                .arg(dir.vmm_log())
                .args(["--level", "Warn"]),
        };
        Ok(command)
    }

    /// Asks the process what it has.
    pub(crate) async fn features(&self, client: &Client) -> Result<Features, Refusal> {
        match self {
            Self::Embedded(_) => Ok(Features {
                image_as_memory: true,
                page_reporting: true,
                drive_ids: true,
            }),
            Self::Firecracker(binary) => {
                let version = client.version().await?;
                of_firecracker(&version).ok_or_else(|| Refusal::OldMonitor {
                    binary: binary.clone(),
                    version,
                })
            }
        }
    }
}

impl fmt::Display for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Embedded(_) => f.write_str(self.name()),
            Self::Firecracker(binary) => write!(f, "{} ({})", self.name(), Path::display(binary)),
        }
    }
}

/// What a Firecracker of that version has; `None` where it is too old. Its virtio-pmem (since 1.14) lies beyond what the library OS's linear map reaches.
fn of_firecracker(version: &str) -> Option<Features> {
    let mut numbers = version.split(['.', '-']).map(|number| number.parse().ok());
    let version = (numbers.next()??, numbers.next()??);
    (version >= OLDEST_FIRECRACKER).then_some(Features {
        image_as_memory: false,
        page_reporting: version >= REPORTING_SINCE,
        drive_ids: false,
    })
}

#[cfg(test)]
mod tests {
    use super::of_firecracker;

    #[test]
    fn drives_without_ids_are_found_by_their_place() {
        let mut features = of_firecracker("1.17.0").unwrap();
        let name = |features: super::Features, position| features.name_of("volume0".into(), position);
        assert_eq!(name(features, 1), "vdb");
        assert_eq!(name(features, 26), "volume0");
        features.drive_ids = true;
        assert_eq!(name(features, 1), "volume0");
    }

    #[test]
    fn a_version_says_what_firecracker_has() {
        let reporting = |version| of_firecracker(version).map(|features| features.page_reporting);
        assert_eq!(reporting("1.17.0-dev"), Some(true));
        assert_eq!(reporting("1.14.0"), Some(true));
        assert_eq!(reporting("1.13.1"), Some(false));
        assert_eq!(reporting("1.7.0"), Some(false));
        for unknown in ["1.6.0", "0.25.2", "", "v1", "1"] {
            assert_eq!(reporting(unknown), None, "{unknown}");
        }
    }
}
