//! A daemon of the release binary to measure: state folder, socket and network of its own, gone when dropped.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use uigniter_api::{Client, Endpoint, system::Version};

use crate::{host::root, test};

/// A pool of a few fills in a tenth of a second; a busy host gets its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running daemon.
#[derive(Debug)]
pub(crate) struct Daemon {
    process: Child,
    dir: TempDir,
    /// What it said of itself.
    pub(crate) version: Version,
}

impl Daemon {
    /// Builds the release binary and starts a daemon with `pool` waiting microVMs.
    pub(crate) fn start(pool: u32) -> Result<Self> {
        Self::start_on("embedded", pool)
    }

    /// The same with the microVMs of a monitor, as `--vmm` takes it.
    pub(crate) fn start_on(monitor: &str, pool: u32) -> Result<Self> {
        test::build_release()?;
        let dir = tempfile::Builder::new().prefix("uigniter-xtask-").tempdir()?;
        let log = std::fs::File::create(dir.path().join("daemon.log"))?;
        let mut process = Command::new(test::binary())
            .current_dir(root())
            .arg("daemon")
            .arg("--socket")
            .arg(dir.path().join("api.sock"))
            .arg("--state-dir")
            .arg(dir.path().join("state"))
            .args(["--vmm", monitor])
            .args(["--listen", "none", "--private", "--pool-size", &pool.to_string()])
            // A host may have a daemon already, and several of these.
            .args(["--network", &format!("uigniter-xtask-{}", std::process::id())])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| test::binary().display().to_string())?;
        match until_ready(&mut process, dir.path()) {
            Ok(version) => Ok(Self {
                process,
                dir,
                version,
            }),
            Err(error) => {
                let log = std::fs::read_to_string(dir.path().join("daemon.log")).unwrap_or_default();
                // It may have ended already; then there is nothing to end.
                let _ = process.kill();
                process.wait()?;
                Err(error.context(log))
            }
        }
    }

    /// Its client.
    pub(crate) fn client(&self) -> Client {
        client(self.dir.path())
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("api.sock")
    }

    /// Its state folder.
    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Runs `work` in a thread inside the daemon's network, where guests are neighbours.
    pub(crate) fn inside<T: Send>(&self, work: impl AsyncFnOnce(Client) -> Result<T> + Send) -> Result<T> {
        let client = self.client();
        crate::host::inside_network(&self.version.network_namespace, async move || work(client).await)
    }

    /// Ends it; fails when it does not end well.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.terminate()?;
        let status = self.process.wait()?;
        ensure!(status.success(), "the daemon ended with {status}: {}", self.log());
        Ok(())
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("daemon.log")).unwrap_or_default()
    }

    fn terminate(&self) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.process.id())?).context("no process")?;
        Ok(kill_process(pid, Signal::TERM)?)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // After `stop` it is gone already. Otherwise a measurement failed, and its error is on its way up.
        if matches!(self.process.try_wait(), Ok(None)) && self.terminate().is_ok() {
            let _ = self.process.wait();
        }
    }
}

fn client(dir: &Path) -> Client {
    Client::new(Endpoint::Unix(dir.join("api.sock")))
}

/// Reads the line with which the daemon says that it listens, then asks for its version.
fn until_ready(process: &mut Child, dir: &Path) -> Result<Version> {
    let stdout = process.stdout.take().context("the daemon has no stdout")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    ensure!(
        line.starts_with("listening on"),
        "the daemon ended with {}",
        process.wait()?
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(client(dir).version())?)
}

/// Waits until as many microVMs wait in the pool as it shall have.
pub(crate) async fn pool_full(client: &Client) -> Result<()> {
    let begin = Instant::now();
    loop {
        let pool = client.pool().await?;
        if pool.ready >= pool.size {
            return Ok(());
        }
        ensure!(
            begin.elapsed() < PATIENCE,
            "the pool stays at {} of {}",
            pool.ready,
            pool.size
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
