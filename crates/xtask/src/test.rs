//! `cargo xtask test` and `cargo xtask ci`.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    apps::Apps,
    fuzz,
    host::{root, target},
    page, soak, volumes,
};

/// Cycles of the soak that belongs to every test run; `cargo xtask soak` does 500.
const SOAK_CYCLES: u32 = 25;

/// Monitors that are killed while they write; `cargo xtask volumes` kills 200.
const KILLS: u32 = 10;

/// Seconds of each fuzz target in a test run.
const FUZZ_SECONDS: u64 = 4;

/// How the conformance programs are run.
const PROGRAMS: [&str; 5] = ["test", "-p", "uigniter-conformance", "--test", "conformance"];

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
    step("conformance on a kernel that checks its locks", checked_kernel)?;
    step("conformance under emulation", emulated)?;
    step("instances on Firecracker", firecracker)?;
    step("fuzz targets", || fuzz::run(None, FUZZ_SECONDS))?;
    step("host", || run(Command::new(binary()).arg("doctor")))?;
    step("demo, end to end", || run(Command::new(binary()).arg("demo")))?;
    step("the services' web page", page::run)?;
    step("apps, the quick ones", || Apps::quick().run())?;
    step("soak", || soak::run(SOAK_CYCLES))?;
    step("volumes", || volumes::run(KILLS))?;
    println!("all green");
    Ok(())
}

/// The conformance programs on a kernel with debug assertions: a lock out of order or held where others may run panics there.
fn checked_kernel() -> Result<()> {
    let folder = target().join("kernel-checked");
    let kernel = folder.join("kernel/uigniter-kernel");
    run(cargo_command(&[
        "build",
        "-p",
        "uigniter-kernel",
        "--features",
        "elf",
        "--profile",
        "kernel",
        "--bin",
        "uigniter-kernel",
    ])
    .arg("--target-dir")
    .arg(&folder)
    .env("CARGO_PROFILE_KERNEL_DEBUG_ASSERTIONS", "true")
    .env("CARGO_PROFILE_KERNEL_LTO", "off"))?;
    run(cargo_command(&PROGRAMS).env("UIGNITER_KERNEL", kernel))
}

/// The conformance programs that one libc has built, on QEMU's TCG: there `syscall` enters ring 0, as it does on hosts with hardware KVM.
fn emulated() -> Result<()> {
    run(cargo_command(&PROGRAMS)
        .args(["--", "::musl"])
        .env("UIGNITER_TEST_VMM", "qemu"))
}

/// The daemon's own tests on a real Firecracker, where there is one; but for those of what it lacks.
fn firecracker() -> Result<()> {
    let Some(binary) = std::env::var_os("UIGNITER_FIRECRACKER") else {
        println!("NOT RUN: UIGNITER_FIRECRACKER names no Firecracker");
        return Ok(());
    };
    run(
        cargo_command(&["test", "-p", "uigniter-daemon", "--no-fail-fast"])
            .args([
                "--test",
                "lifecycle",
                "--test",
                "api",
                "--test",
                "store",
                "--test",
                "recovery",
                "--",
            ])
            // Standard input, and the report of a monitor that was told to end.
            .args(["--skip", "input_is_not_ended", "--skip", "an_end_that_nobody_saw"])
            .env("UIGNITER_TEST_FIRECRACKER", binary),
    )
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

pub(crate) fn cargo(args: &[&str]) -> Result<()> {
    run(&mut cargo_command(args))
}

fn cargo_command(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The conformance programs run on the binary that users get; before it is built nobody asks.
    command
        .args(args)
        .env("UIGNITER_BIN", binary())
        .env("UIGNITER_KERNEL", target().join("kernel/kernel/uigniter-kernel"));
    command
}

pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .current_dir(root())
        .status()
        .with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} ended with {status}");
    Ok(())
}
