//! A daemon for one command: in this process, with state, socket and network of its own, and gone with it.
//!
//! If this process is killed (`kill -9`, the OOM killer), its microVM goes on without it. The next private daemon finds the folder of
//! such a one and takes everything in it down first.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use uigniter_api::{Client, Endpoint};
use uigniter_daemon::{Config, Daemon};

use crate::{embedded, error::CliError};

/// One command starts one instance; a second that waited would only take the host's time.
const POOL_SIZE: u32 = 1;

/// Begin of the folder's and of the network's name; the pid follows.
const PREFIX: &str = "uigniter-private-";

/// The daemon, and the folder for everything that it makes.
#[derive(Debug)]
pub(crate) struct PrivateDaemon {
    daemon: Daemon,
    dir: TempDir,
}

impl PrivateDaemon {
    /// Starts it; it answers when this returns.
    pub(crate) async fn start() -> Result<Self, CliError> {
        for (pid, dir) in orphans(&std::env::temp_dir()) {
            take_down(pid, &dir).await;
        }
        let pid = std::process::id();
        let dir = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{pid}-"))
            .tempdir()
            .map_err(|e| {
                CliError::new(format!("cannot make a temporary folder: {e}"))
                    .hint("point TMPDIR at a folder with room")
            })?;
        let daemon = Daemon::start(config(dir.path(), pid, POOL_SIZE))
            .await
            .map_err(|e| {
                CliError::new(format!("no daemon runs, and a private one does not start: {e}"))
                    .hint("'uigniter doctor' says what this host lacks")
            })?;
        Ok(Self { daemon, dir })
    }

    /// A client of it.
    pub(crate) fn client(&self) -> Client {
        Client::new(Endpoint::Unix(socket(self.dir.path())))
    }

    /// Ends it and removes everything that it made.
    pub(crate) async fn stop(self) -> Result<(), CliError> {
        let stopped = self.daemon.shutdown().await;
        self.dir
            .close()
            .map_err(|e| CliError::new(format!("the private daemon's folder stays: {e}")))?;
        stopped.map_err(|e| CliError::new(format!("the private daemon left something behind: {e}")))
    }
}

fn config(dir: &Path, pid: u32, pool_size: u32) -> Config {
    Config {
        pool_size,
        network_name: format!("{PREFIX}{pid}"),
        private: true,
        ..Config::new(dir.join("state"), socket(dir), embedded::KERNEL)
    }
}

fn socket(dir: &Path) -> PathBuf {
    dir.join("api.sock")
}

/// Folders of private daemons whose process is gone. A pid that was given away anew hides one until that process ends.
fn orphans(temporary: &Path) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(temporary).into_iter().flatten().flatten();
    let of_the_dead = entries.filter_map(|entry| {
        let name = entry.file_name();
        let pid = name
            .to_str()?
            .strip_prefix(PREFIX)?
            .split_once('-')?
            .0
            .parse()
            .ok()?;
        (!Path::new("/proc").join(format!("{pid}")).exists()).then(|| (pid, entry.path()))
    });
    of_the_dead.collect()
}

/// A daemon on the orphan's folder finds what runs, and its private end removes it.
async fn take_down(pid: u32, dir: &Path) {
    let taken_down = match Daemon::start(config(dir, pid, 0)).await {
        Ok(daemon) => daemon.shutdown().await,
        Err(error) => Err(error),
    };
    if let Err(error) = taken_down {
        // Another user's, or another command is at it: no reason not to do what was asked for.
        eprintln!(
            "warning: cannot clean up after a private daemon that was killed ({}): {error}",
            dir.display()
        );
    } else if let Err(error) = fs::remove_dir_all(dir) {
        eprintln!("warning: {} stays: {error}", dir.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_dead_processes_are_orphans() {
        let temporary = tempfile::tempdir().unwrap();
        // No pid is ever so high (`/proc/sys/kernel/pid_max` is at most 2^22).
        let dead = temporary.path().join(format!("{PREFIX}4194305-abc"));
        let alive = temporary
            .path()
            .join(format!("{PREFIX}{}-abc", std::process::id()));
        let foreign = temporary.path().join("uigniter-other");
        for dir in [&dead, &alive, &foreign] {
            fs::create_dir(dir).unwrap();
        }
        assert_eq!(orphans(temporary.path()), [(4_194_305, dead)]);
    }
}
