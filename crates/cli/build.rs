//! Builds what the binary carries: the kernel ELF and the demo's web server, both for every profile of this package.
//!
//! The kernel is a package of this workspace, but it needs a profile, a linker script and code generation options of its own,
//! which no dependency can have; so a nested cargo builds it into `target/kernel`, shared by all profiles.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Takes the path of a kernel ELF that is there already, instead of building one.
const KERNEL_OVERRIDE: &str = "UIGNITER_BUILD_KERNEL_ELF";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let kernel = kernel(&here, &out)?;
    println!("cargo:rustc-env=UIGNITER_KERNEL_ELF={}", kernel.display());
    let server = demo_server(&here, &out)?;
    println!("cargo:rustc-env=UIGNITER_DEMO_SERVER={}", server.display());
    Ok(())
}

/// The kernel ELF, copied into `out` so that its path is this build's own.
fn kernel(here: &Path, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed={KERNEL_OVERRIDE}");
    let copy = out.join("kernel.elf");
    if let Some(path) = env::var_os(KERNEL_OVERRIDE) {
        println!("cargo:rerun-if-changed={}", Path::new(&path).display());
        fs::copy(&path, &copy)?;
        return Ok(copy);
    }
    let root = here.join("../..").canonicalize()?;
    for path in ["crates/kernel", "crates/abi", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={}", root.join(path).display());
    }
    // OUT_DIR is TARGET/PROFILE/build/PACKAGE-HASH/out.
    let target = out
        .ancestors()
        .nth(4)
        .ok_or("OUT_DIR is not where cargo puts it")?
        .join("kernel");
    let mut cargo = Command::new(env::var_os("CARGO").ok_or("cargo did not say where it is")?);
    cargo
        .current_dir(&root)
        .args([
            "build",
            "-p",
            "uigniter-kernel",
            "--features",
            "elf",
            "--profile",
            "kernel",
        ])
        .args(["--bin", "uigniter-kernel", "--target-dir"])
        .arg(&target);
    clean_environment(&mut cargo);
    run(&mut cargo)?;
    fs::copy(target.join("kernel/uigniter-kernel"), &copy)?;
    Ok(copy)
}

/// The demo's web server as a static ELF without interpreter, as users bring theirs.
fn demo_server(here: &Path, out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let source = here.join("demo-server/main.rs");
    println!("cargo:rerun-if-changed={}", source.display());
    let program = out.join("demo-server");
    let mut rustc = Command::new(env::var_os("RUSTC").ok_or("cargo did not say where rustc is")?);
    rustc
        .args([
            "--edition=2024",
            "--crate-name=demo_server",
            "-Copt-level=2",
            "-Cstrip=symbols",
        ])
        .args([
            "-Ctarget-feature=+crt-static",
            "-Cpanic=abort",
            "--target=x86_64-unknown-linux-gnu",
            "-o",
        ])
        .arg(&program)
        .arg(&source);
    run(&mut rustc)?;
    Ok(program)
}

/// Takes away what the outer cargo says about *this* package and its flags; what says where cargo and rustup live stays.
fn clean_environment(cargo: &mut Command) {
    for (key, _) in env::vars_os() {
        let Some(name) = key.to_str() else { continue };
        let stays = matches!(
            name,
            "CARGO_HOME" | "CARGO_NET_OFFLINE" | "CARGO_HTTP_CAINFO" | "CARGO_BUILD_JOBS"
        );
        let cargos = [
            "CARGO",
            "RUSTFLAGS",
            "RUSTDOCFLAGS",
            "RUSTC",
            "TARGET",
            "PROFILE",
            "OPT_LEVEL",
            "DEBUG",
            "OUT_DIR",
            "HOST",
        ];
        let registries = name.starts_with("CARGO_REGISTR") || name.starts_with("CARGO_SOURCE");
        if cargos.iter().any(|prefix| name.starts_with(prefix)) && !stays && !registries {
            cargo.env_remove(&key);
        }
    }
}

/// Runs a compiler and shows its complaints when it fails.
fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let status = command
        .status()
        .map_err(|e| format!("cannot start {:?}: {e}", command.get_program()))?;
    if !status.success() {
        let arguments: Vec<_> = command
            .get_args()
            .map(|argument| argument.to_string_lossy())
            .collect();
        return Err(format!(
            "{} {} ended with {status}",
            command.get_program().display(),
            arguments.join(" ")
        )
        .into());
    }
    Ok(())
}
