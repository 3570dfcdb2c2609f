//! The yardstick from next door: `runc run` of the same static binary, to its first HTTP byte.
//!
//! The container has the namespaces of runc's default but the network's, which is the daemon's: no time goes into a network set-up,
//! which favours runc.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::page;
use crate::{figures::Summary, host};

/// Where the program listens in its container.
const SERVER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 8080);

/// Runs the program at `server` `count` times inside the network namespace `network`.
pub(super) fn measure(network: &str, server: &Path, count: u32) -> Result<Summary> {
    let bundle = tempfile::Builder::new().prefix("uigniter-runc-").tempdir()?;
    prepare(bundle.path(), server)?;
    let times = host::inside_network(network, async || {
        let mut times = Vec::new();
        for index in 0..count {
            times.push(
                once(
                    bundle.path(),
                    &format!("uigniter-bench-{}-{index}", std::process::id()),
                )
                .await?,
            );
        }
        Ok(times)
    })?;
    Summary::of(times).context("no container was run")
}

/// The bundle: runc's own default with our program and without a network namespace.
fn prepare(bundle: &Path, server: &Path) -> Result<()> {
    let rootfs = bundle.join("rootfs");
    fs::create_dir(&rootfs)?;
    let inside = rootfs.join("hello");
    fs::copy(server, &inside)?;
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o755))?;
    let spec = Command::new("runc")
        .arg("spec")
        .current_dir(bundle)
        .status()
        .context("runc is not installed")?;
    ensure!(spec.success(), "runc spec ended with {spec}");
    let path = bundle.join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path)?)?;
    // Above 1024, because its program has no capabilities.
    config["process"]["args"] = json!(["/hello", SERVER.to_string()]);
    config["process"]["terminal"] = json!(false);
    config["process"]["capabilities"] = json!({});
    let namespaces = config["linux"]["namespaces"]
        .as_array_mut()
        .context("runc's spec has no namespaces")?;
    namespaces.retain(|namespace| namespace["type"] != "network");
    Ok(fs::write(path, serde_json::to_vec(&config)?)?)
}

/// One container, from `runc run` to the first byte, in milliseconds.
async fn once(bundle: &Path, id: &str) -> Result<f64> {
    let begin = Instant::now();
    let mut container = Command::new("runc")
        .args(["run", "--bundle"])
        .arg(bundle)
        .arg(id)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let got = page::first_byte(SERVER.into(), begin).await;
    let took = begin.elapsed();
    // Whether or not a byte came, nothing stays.
    let killed = Command::new("runc").args(["kill", id, "KILL"]).status()?;
    let status = container.wait()?;
    got.with_context(|| format!("runc run ended with {status}"))?;
    ensure!(killed.success(), "runc kill ended with {killed}");
    Ok(took.as_secs_f64() * 1e3)
}
