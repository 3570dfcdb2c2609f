//! Where an app runs: a daemon of its own, and beside it on the same bridge a network namespace for the host's process.
//!
//! Clients run in the daemon's namespace, at the bridge's own address: guest and host process are equally far from them.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;

use super::manifest::App;
use crate::daemon::Daemon;

/// Core of the server: the VMM's threads, or the host's process.
pub(crate) const SERVER_CORE: &str = "1";
/// Ethernet address of the host's process: locally administered, and of no guest.
const MAC: &str = "06:00:00:00:00:fe";
/// Core of the client.
pub(crate) const CLIENT_CORE: &str = "0";

/// A daemon and its network.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) daemon: Daemon,
    dir: TempDir,
    /// Namespace of the host's process.
    pub(crate) beside: String,
    /// Address of the host's process.
    pub(crate) address: Ipv4Addr,
}

impl Site {
    /// Starts all of it, and fills the build folders of the app and of those beside it.
    pub(crate) fn start(app: &App) -> Result<Self> {
        let site = Self::bare()?;
        for app in app.others()?.iter().chain([app]) {
            build(app, &site.build_folder(app))?;
        }
        Ok(site)
    }

    /// Starts all of it, with nothing built.
    pub(crate) fn bare() -> Result<Self> {
        // Before the daemon: `ip netns add` may mount /run/netns over itself, and a name that is mounted below could not be removed then.
        let beside = format!("uigniter-apps-{}", std::process::id());
        ip(&["netns", "add", &beside])?;
        let daemon = Daemon::start(0)?;
        let dir = tempfile::Builder::new().prefix("uigniter-apps-").tempdir()?;
        let mut site = Self {
            daemon,
            dir,
            beside,
            address: Ipv4Addr::UNSPECIFIED,
        };
        site.lay_cable()?;
        Ok(site)
    }

    /// A namespace with an interface on the daemon's bridge, at the last address of its range: guests get the first.
    fn lay_cable(&mut self) -> Result<()> {
        let theirs = self.daemon.version.network_namespace.clone();
        let bridges = ip(&["-n", &theirs, "-j", "address", "show", "type", "bridge"])?;
        let bridges: serde_json::Value = serde_json::from_str(&bridges)?;
        let bridge = bridges[0]["ifname"]
            .as_str()
            .context("the daemon has no bridge")?;
        let address = &bridges[0]["addr_info"][0];
        let gateway: Ipv4Addr = address["local"].as_str().context("no address")?.parse()?;
        let prefix = address["prefixlen"]
            .as_u64()
            .filter(|bits| (1..=30).contains(bits));
        let prefix = prefix.context("a bridge without room")?;
        let broadcast = u32::from(gateway) | (u32::MAX >> prefix);
        self.address = Ipv4Addr::from(broadcast - 1);
        let ours = &self.beside;
        ip(&["-n", ours, "link", "set", "lo", "up"])?;
        ip(&[
            "-n", &theirs, "link", "add", "host0", "type", "veth", "peer", "name", "eth0", "address", MAC,
            "netns", ours,
        ])?;
        ip(&["-n", &theirs, "link", "set", "host0", "master", bridge, "up"])?;
        // As a guest's port: no broadcasts, and the bridge itself answers who asks for a guest, or for us.
        ip(&[
            "-n",
            &theirs,
            "link",
            "set",
            "host0",
            "type",
            "bridge_slave",
            "proxy_arp",
            "on",
        ])?;
        let ours_at = self.address.to_string();
        ip(&[
            "-n",
            &theirs,
            "neighbour",
            "add",
            &ours_at,
            "lladdr",
            MAC,
            "dev",
            bridge,
            "nud",
            "permanent",
        ])?;
        ip(&[
            "-n",
            ours,
            "address",
            "add",
            &format!("{}/{prefix}", self.address),
            "dev",
            "eth0",
        ])?;
        ip(&["-n", ours, "link", "set", "eth0", "up"])?;
        ip(&["-n", ours, "route", "add", "default", "via", &gateway.to_string()])?;
        Ok(())
    }

    /// The folder that an app's `build.sh` filled.
    pub(crate) fn build_folder(&self, app: &App) -> PathBuf {
        self.dir.path().join(&app.name)
    }

    /// A fresh folder for the files of a host's process: in memory, as what a guest writes is.
    pub(crate) fn folder() -> Result<TempDir> {
        let folder = tempfile::Builder::new()
            .prefix("uigniter-apps-")
            .tempdir_in("/dev/shm");
        folder.context("/dev/shm, for the files of the host's process")
    }

    /// Where the host's process prints to.
    pub(crate) fn host_log(&self) -> PathBuf {
        self.dir.path().join("host.log")
    }

    /// A command of a client's: in the daemon's namespace, on the client's core, ended after `limit`.
    pub(crate) fn client(&self, limit: Duration) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.daemon.version.network_namespace])
            .args(["timeout", "--kill-after=5", &limit.as_secs().to_string()])
            .args(["taskset", "-c", CLIENT_CORE])
            .stdin(Stdio::null());
        command
    }

    /// Takes the network away and ends the daemon.
    pub(crate) fn stop(self) -> Result<()> {
        ip(&["netns", "delete", &self.beside])?;
        self.daemon.stop()
    }
}

/// Runs an app's `build.sh`, if it has one, with `$BUILD` as the folder to fill.
fn build(app: &App, folder: &Path) -> Result<()> {
    std::fs::create_dir(folder)?;
    let script = app.folder().join("build.sh");
    if !script.exists() {
        return Ok(());
    }
    let status = Command::new("bash")
        .arg(&script)
        .current_dir(app.folder())
        .env("BUILD", folder)
        .status()?;
    ensure!(status.success(), "{} ended with {status}", script.display());
    Ok(())
}

/// Runs `ip(8)` and gives what it says.
fn ip(args: &[&str]) -> Result<String> {
    let output = Command::new("ip").args(args).output().context("ip (iproute2)")?;
    checked(&format!("ip {}", args.join(" ")), output)
}

/// The output of a command that ended well.
pub(crate) fn checked(what: &str, output: Output) -> Result<String> {
    if !output.status.success() {
        bail!(
            "{what} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Environment that smoke tests and loads see of a server.
pub(crate) fn environment(app: &App, address: Ipv4Addr) -> BTreeMap<&'static str, String> {
    [
        ("HOST", address.to_string()),
        ("PORT", app.port.unwrap_or(0).to_string()),
        ("APP", app.folder().display().to_string()),
    ]
    .into()
}
