//! `cargo xtask fuzz`: the fuzz targets, with coverage counted, each for some seconds.
//!
//! The targets are tests named `fuzz_*` (see the crate `uigniter-fuzz`); here is only which package has which, and how they are built.

use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::host::{root, target};

/// Name, package, the test.
const TARGETS: &[(&str, &str, &str)] = &[
    ("elf", "uigniter-kernel", "fuzz::fuzz_elf"),
    ("paths", "uigniter-kernel", "fuzz::fuzz_paths"),
    ("sockets", "uigniter-kernel", "fuzz::fuzz_sockets"),
    ("packets", "uigniter-kernel", "net::tests::fuzz::fuzz_packets"),
    ("boot-line", "uigniter-abi", "boot_args::tests::fuzz_boot_line"),
    (
        "block-rings",
        "uigniter-vmm",
        "devices::virtio::fuzz::fuzz_block_rings",
    ),
    (
        "console-rings",
        "uigniter-vmm",
        "devices::virtio::fuzz::fuzz_console_rings",
    ),
    (
        "rng-rings",
        "uigniter-vmm",
        "devices::virtio::fuzz::fuzz_rng_rings",
    ),
    (
        "fs-requests",
        "uigniter-vmm",
        "devices::virtio::fs::tests::fuzz_fs_requests",
    ),
    (
        "fs-replies",
        "uigniter-kernel",
        "fs::fuse::tests::fuzz_fs_replies",
    ),
    ("volume", "uigniter-kernel", "fs::volume::tests::fuzz_volume"),
    ("api", "uigniter-vmm", "api::fuzz::fuzz_api"),
    (
        "image-name",
        "uigniter-api",
        "image::name::tests::fuzz_image_name",
    ),
    (
        "manifest",
        "uigniter",
        "commands::build::manifest::tests::fuzz_manifest",
    ),
    ("docker-config", "uigniter", "registry::tests::fuzz_docker_config"),
    ("erofs", "uigniter-image", "erofs::tests::fuzz_erofs"),
    (
        "oci-manifest",
        "uigniter-image",
        "oci::artifact::tests::fuzz_oci_manifest",
    ),
    (
        "oci-layout",
        "uigniter-image",
        "oci::artifact::tests::fuzz_oci_layout",
    ),
    ("oci-layer", "uigniter-image", "oci::tests::fuzz_oci_layer"),
    ("usr-manifest", "uigniter-image", "osv::tests::fuzz_usr_manifest"),
    ("module-py", "uigniter-image", "osv::tests::fuzz_module"),
    ("rofs", "uigniter-image", "rofs::tests::fuzz_rofs"),
    ("program", "uigniter-image", "elf::tests::fuzz_program"),
];

/// Prints the names of all targets.
pub(crate) fn list() -> Result<()> {
    for (name, package, test) in TARGETS {
        println!("{name:<14} {package:<18} {test}");
    }
    Ok(())
}

/// Runs one target, or all, for that long each. A failure is written to `crates/fuzz/failures` and ends the run.
pub(crate) fn run(name: Option<&str>, seconds: u64) -> Result<()> {
    let chosen: Vec<_> = TARGETS
        .iter()
        .filter(|(target, ..)| name.is_none_or(|name| name == *target))
        .collect();
    if chosen.is_empty() {
        bail!(
            "there is no fuzz target {}; see: cargo xtask fuzz --list",
            name.unwrap_or("")
        );
    }
    for (name, package, test) in chosen {
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args([
                "test",
                "-q",
                "-p",
                package,
                // The command line is a binary alone.
                if *package == "uigniter" { "--bins" } else { "--lib" },
                "--",
                "--exact",
                test,
                "--nocapture",
            ])
            .current_dir(root())
            .env("CARGO_TARGET_DIR", target().join("fuzz/build"))
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            .env("RUSTFLAGS", "-C instrument-coverage")
            // The counters are read in the process; the file that the runtime would write at its end is not wanted.
            .env("LLVM_PROFILE_FILE", "/dev/null")
            .env("UIGNITER_FUZZ_SECONDS", seconds.to_string())
            .status()?;
        ensure!(
            status.success(),
            "fuzz target {name}: {status}; the input is in crates/fuzz/failures/{name}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every test named `fuzz_*` is in the table, and every row is such a test.
    #[test]
    fn the_table_has_every_target() {
        let mut found = 0;
        for entry in walk(&root().join("crates")) {
            let text = std::fs::read_to_string(&entry).unwrap();
            for line in text.lines() {
                if let Some(rest) = line.trim().strip_prefix("fn fuzz_") {
                    let test = format!("fuzz_{}", rest.split('(').next().unwrap());
                    let known = TARGETS
                        .iter()
                        .any(|(_, _, path)| path.ends_with(&format!("::{test}")));
                    assert!(known, "{test} in {} has no row", entry.display());
                    found += 1;
                }
            }
        }
        assert_eq!(found, TARGETS.len());
    }

    fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(walk(&path));
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                files.push(path);
            }
        }
        files
    }
}
