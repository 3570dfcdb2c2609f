//! `cargo xtask test` and `cargo xtask ci`.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    apps::Apps,
    host::{root, target},
    soak,
};

/// Cycles of the soak that belongs to every test run; `cargo xtask soak` does 500.
const SOAK_CYCLES: u32 = 25;

/// The binary that users get.
pub(crate) fn binary() -> PathBuf {
    target().join("release/uigniter")
}

/// Builds it.
pub(crate) fn build_release() -> Result<()> {
    cargo(&["build", "--release", "-p", "uigniter"])
}

/// Everything that must be green before a change is shared, formatting and lints aside.
pub(crate) fn test() -> Result<()> {
    step("release binary", build_release)?;
    // The tests that boot microVMs share two cores; more threads would only make them wait for each other.
    step("tests of the workspace", || {
        cargo(&["test", "--workspace", "--no-fail-fast"])
    })?;
    step("host", || run(Command::new(binary()).arg("doctor")))?;
    step("demo, end to end", || run(Command::new(binary()).arg("demo")))?;
    step("apps, the quick ones", || Apps::quick().run())?;
    step("soak", || soak::run(SOAK_CYCLES))?;
    println!("all green");
    Ok(())
}

/// What CI does.
pub(crate) fn ci() -> Result<()> {
    step("formatting", || cargo(&["fmt", "--all", "--check"]))?;
    step("clippy", clippy)?;
    test()
}

/// Lints of everything, and of the kernel as it boots: half of it is not compiled for the host.
fn clippy() -> Result<()> {
    cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    cargo(&[
        "clippy",
        "-p",
        "uigniter-kernel",
        "--features",
        "elf",
        "--profile",
        "kernel",
        "--",
        "-D",
        "warnings",
    ])
}

/// Says what begins and how long it took.
fn step(what: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("--- {what}");
    let begin = Instant::now();
    work().with_context(|| what.to_owned())?;
    println!("--- {what}: {:.0?}", begin.elapsed().max(Duration::from_secs(1)));
    Ok(())
}

fn cargo(args: &[&str]) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let release = binary();
    // The conformance programs run on the binary that users get; before it is built nobody asks.
    run(Command::new(cargo)
        .args(args)
        .env("UIGNITER_BIN", &release)
        .env("UIGNITER_KERNEL", target().join("kernel/kernel/uigniter-kernel")))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .current_dir(root())
        .status()
        .with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
