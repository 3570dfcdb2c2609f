//! Debian packages: installed when root on Debian, else named.

use std::{collections::BTreeSet, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

use super::manifest::App;

/// What the harness itself runs, with the package of each.
const TOOLS: [(&str, &str); 5] = [
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/bin/unshare", "util-linux"),
    ("/usr/bin/taskset", "util-linux"),
    ("/usr/bin/curl", "curl"),
    ("/usr/bin/wrk", "wrk"),
];

/// Sees to it that all that the apps need is there.
pub(crate) fn install(apps: &[App]) -> Result<()> {
    let mut wanted = BTreeSet::new();
    for app in apps {
        wanted.extend(app.packages.iter().cloned());
        for other in app.others()? {
            wanted.extend(other.packages);
        }
    }
    install_packages(wanted)
}

/// Sees to it that these packages and the harness's own are there.
pub(crate) fn install_packages(mut wanted: BTreeSet<String>) -> Result<()> {
    wanted.extend(
        TOOLS
            .iter()
            .filter(|(file, _)| !std::path::Path::new(file).exists())
            .map(|(_, package)| (*package).to_owned()),
    );
    let missing: Vec<String> = wanted
        .into_iter()
        .filter(|package| version(package).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    if !rustix::process::geteuid().is_root() || !std::path::Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "these Debian packages are missing: {list}; run as root on Debian, or: sudo apt-get install {list}"
        );
    }
    println!("--- installing {list}");
    let install = || {
        Command::new("apt-get")
            .args(["install", "-qq", "-y", "--no-install-recommends"])
            .args(&missing)
            // Debian starts servers as it installs them; these are for guests.
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1")
            .status()
    };
    if install()?.success() {
        return Ok(());
    }
    // The lists may be older than what the mirror has.
    let update = Command::new("apt-get").args(["update", "-qq"]).status()?;
    ensure!(update.success(), "apt-get update ended with {update}");
    let status = install()?;
    ensure!(status.success(), "apt-get install {list} ended with {status}");
    Ok(())
}

/// The installed version of a package.
pub(crate) fn version(package: &str) -> Option<String> {
    let output = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status} ${Version}", package])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.strip_prefix("installed ").map(ToOwned::to_owned)
}

/// The version that the table shows for an app.
pub(crate) fn shown_version(app: &App) -> Result<String> {
    let package = app.version_of.as_ref().or_else(|| app.packages.first());
    let package = package.context("a manifest without packages")?;
    let version = version(package).with_context(|| format!("{package} is not installed"))?;
    Ok(format!("{package} {version}"))
}
