//! Rules that can be read from the crates' manifests and roots.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use toml::{Table, Value};

use crate::host::root;

/// Which crates of ours (without the prefix `uigniter-`) a crate may use; a crate that is not in the table breaks a rule.
const ARROWS: &[(&str, &[&str])] = &[
    ("abi", &[]),
    ("api", &[]),
    ("fuzz", &[]),
    ("firecracker-client", &[]),
    ("network", &[]),
    ("services", &[]),
    ("kernel", &["abi"]),
    ("vmm", &["abi"]),
    ("image", &["abi"]),
    (
        "daemon",
        &["abi", "api", "firecracker-client", "image", "network", "vmm"],
    ),
    ("uigniter", &["api", "daemon", "image", "vmm"]),
    ("conformance", &["abi", "firecracker-client", "image"]),
];

/// May use anything.
const TOOL: &str = "xtask";

/// Crates in which `unsafe` code may be. In all others it is forbidden.
const UNSAFE: &[&str] = &["kernel", "vmm", "network", "daemon", "fuzz", "xtask"];

/// All manifests of the workspace: folder and content.
pub(super) fn crates() -> Result<Vec<(PathBuf, Table)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("crates"))? {
        let dir = entry?.path();
        let manifest = dir.join("Cargo.toml");
        if manifest.exists() {
            let text = fs::read_to_string(&manifest)?;
            found.push((dir, text.parse().with_context(|| manifest.display().to_string())?));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

/// One line for each rule that is broken.
pub(super) fn broken_rules() -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for (dir, manifest) in crates()? {
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name"))
            .and_then(Value::as_str);
        let name = name.with_context(|| format!("{} names no package", dir.display()))?;
        let short = name.strip_prefix("uigniter-").unwrap_or(name);
        broken.extend(arrows(short, &manifest));
        let lints = manifest
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .and_then(Value::as_bool);
        if lints != Some(true) {
            broken.push(format!(
                "{name} does not opt in to the workspace's lints ([lints] workspace = true)"
            ));
        }
        if !UNSAFE.contains(&short) && !forbids_unsafe(&dir)? {
            broken.push(format!(
                "{name} does not say #![forbid(unsafe_code)], and is not among those that may use unsafe"
            ));
        }
    }
    Ok(broken)
}

/// Dependencies that point up or sideways. Tests may use what they like.
fn arrows(name: &str, manifest: &Table) -> Vec<String> {
    if name == TOOL {
        return Vec::new();
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        return vec![format!(
            "{name} is in no row of the arrows' table; add it there and in ARCHITECTURE.md"
        )];
    };
    let ours = ["dependencies", "build-dependencies"]
        .iter()
        .filter_map(|kind| manifest.get(*kind)?.as_table());
    let ours: BTreeSet<_> = ours
        .flat_map(Table::keys)
        .filter_map(|name| name.strip_prefix("uigniter-"))
        .collect();
    let wrong = ours.into_iter().filter(|used| !allowed.contains(used));
    wrong
        .map(|used| format!("{name} may not depend on {used}: dependencies point down"))
        .collect()
}

fn forbids_unsafe(dir: &Path) -> Result<bool> {
    for file in ["src/lib.rs", "src/main.rs"] {
        let path = dir.join(file);
        if path.exists() && !fs::read_to_string(path)?.contains("#![forbid(unsafe_code)]") {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_upwards_is_seen() {
        let manifest: Table = "[dependencies]\nuigniter-daemon = { path = \"x\" }\nserde = \"1\""
            .parse()
            .unwrap();
        assert_eq!(arrows("vmm", &manifest).len(), 1);
        assert_eq!(arrows("uigniter", &manifest).len(), 0);
        assert_eq!(arrows("stranger", &manifest).len(), 1);
    }
}
