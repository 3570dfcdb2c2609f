//! Programs for guests, hosts and containers: one static ELF each.

use std::{path::PathBuf, process::Command};

use anyhow::{Result, ensure};

use crate::host::{root, target};

/// Its port in a guest and in a container.
pub(crate) const PORT: u16 = 80;

/// The hello server that is measured: the demo's web server.
pub(crate) fn hello_server() -> Result<PathBuf> {
    compile("hello-server", "crates/cli/demo-server/main.rs")
}

/// Compiles a program of one file, as the binary's build script does the demo's, and gives its path.
pub(crate) fn compile(name: &str, source: &str) -> Result<PathBuf> {
    let dir = target().join("xtask");
    std::fs::create_dir_all(&dir)?;
    let program = dir.join(name);
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let status = Command::new(rustc)
        .args([
            "--edition=2024",
            "--crate-name=guest",
            "-Copt-level=2",
            "-Cstrip=symbols",
            "-Cpanic=abort",
        ])
        .args([
            "-Ctarget-feature=+crt-static",
            "--target=x86_64-unknown-linux-gnu",
            "-o",
        ])
        .arg(&program)
        .arg(root().join(source))
        .status()?;
    ensure!(status.success(), "rustc ended with {status}");
    Ok(program)
}
