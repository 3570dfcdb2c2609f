//! VMM processes: started, found again, watched and ended through a pidfd, so that a reused pid never hurts a stranger.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::{
        fd::OwnedFd,
        unix::{
            ffi::OsStrExt,
            fs::OpenOptionsExt,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, PoisonError},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll as poll_now},
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;
use uigniter_network::Network;

use crate::{async_fd, state_dir::InstanceDir};

/// What tells a process from a later one of the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub(crate) pid: u32,
    /// Field 22 of `/proc/PID/stat`: clock ticks since boot.
    pub(crate) start_time: u64,
}

/// One VMM process.
#[derive(Debug)]
pub(crate) struct Process {
    id: ProcessId,
    pidfd: AsyncFd<OwnedFd>,
    /// Ours to reap; `None` once reaped, or if an earlier daemon started it.
    child: Mutex<Option<Child>>,
}

impl Process {
    /// Starts a VMM inside the network's namespace, in a process group of its own, so that neither the daemon's end nor
    /// a Ctrl-C on its terminal reaches it. Its words go to the instance's files.
    pub(crate) fn spawn(mut command: Command, dir: &InstanceDir, network: &Network) -> io::Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(append(&dir.console())?)
            .stderr(append(&dir.vmm_log())?)
            .process_group(0);
        network.start_inside(&mut command).map_err(io::Error::other)?;
        let child = command.spawn()?;
        Self::watch(child.id(), Some(child))
    }

    /// Finds a process again, if it is still the one.
    pub(crate) fn find(id: ProcessId) -> io::Result<Option<Self>> {
        match Self::watch(id.pid, None) {
            Ok(process) => Ok((process.id == id).then_some(process)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn watch(pid: u32, child: Option<Child>) -> io::Result<Self> {
        let raw = i32::try_from(pid)
            .ok()
            .and_then(Pid::from_raw)
            .ok_or(io::ErrorKind::InvalidInput)?;
        // First the descriptor, then the start time: whatever the time says belongs to the descriptor's process, or
        // that process is gone and the time of a later one will not match.
        let pidfd = async_fd::register(pidfd_open(raw, PidfdFlags::NONBLOCK)?)?;
        let id = ProcessId {
            pid,
            start_time: start_time(pid)?,
        };
        Ok(Self {
            id,
            pidfd,
            child: Mutex::new(child),
        })
    }

    pub(crate) const fn id(&self) -> ProcessId {
        self.id
    }

    /// Waits for the end. The status is known only for processes that this daemon started.
    pub(crate) async fn ended(&self) -> io::Result<Option<ExitStatus>> {
        let _readable = self.pidfd.readable().await?;
        // A pidfd stays readable, so every caller gets here; the first one reaps.
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match child.take() {
            Some(mut child) => Some(child.wait()?),
            None => None,
        })
    }

    /// Whether it is gone already.
    pub(crate) fn has_ended(&self) -> bool {
        // A pidfd is readable once the process has ended, `pidfd_open(2)`.
        let mut poll = [PollFd::new(self.pidfd.get_ref(), PollFlags::IN)];
        poll_now(
            &mut poll,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        )
        .is_ok_and(|ready| ready > 0)
    }

    /// Ends it at once. One that has ended already is no error.
    pub(crate) fn kill(&self) {
        if let Err(error) = pidfd_send_signal(self.pidfd.get_ref(), Signal::KILL) {
            tracing::debug!(pid = self.id.pid, %error, "nothing to kill");
        }
    }
}

/// A line about an end that left no `exit.json`.
pub(crate) fn describe(status: Option<ExitStatus>) -> String {
    match status {
        None => "the VMM vanished".into(),
        Some(status) => match status.signal() {
            Some(signal) => format!("signal {signal} ended the VMM"),
            None => format!("the VMM ended with status {}", status.code().unwrap_or(-1)),
        },
    }
}

fn append(path: &Path) -> io::Result<File> {
    File::options().append(true).create(true).mode(0o600).open(path)
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

fn start_time(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    stat_field(&stat, 22).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// A number of `/proc/PID/stat`, counted from 1 as in `proc_pid_stat(5)`, from 4 on.
pub(crate) fn stat_field(stat: &str, field: usize) -> Option<u64> {
    // The second field is the name in parentheses, and may have blanks and parentheses in it.
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(field - 3)?.parse().ok()
}

/// All processes that have one of this folder's sockets as an argument: VMMs of ours, whoever started them.
pub(crate) fn find_all(instances: &Path) -> io::Result<Vec<(String, ProcessId)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        // A process may end while we look, or be a stranger's.
        let Ok(start_time) = start_time(pid) else { continue };
        let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else {
            continue;
        };
        let mut arguments = line.split(|byte| *byte == 0);
        if !arguments.any(|argument| argument == b"--api-sock") {
            continue;
        }
        let socket = Path::new(OsStr::from_bytes(arguments.next().unwrap_or_default()));
        let id = socket
            .strip_prefix(instances)
            .ok()
            .and_then(|rest| rest.parent()?.to_str());
        if let Some(id) = id.filter(|id| !id.is_empty() && !id.contains('/')) {
            found.push((id.to_owned(), ProcessId { pid, start_time }));
        }
    }
    Ok(found)
}
