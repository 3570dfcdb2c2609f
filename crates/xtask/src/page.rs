//! The services' web page in headless Chromium.
//!
//! The test is a Python program beside the crate. Playwright comes from PyPI into a virtual environment under `target`; the browser is
//! Debian's, as Playwright's own download would be another 150 MB of a build that is nobody's package.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};

use crate::{
    host::{root, target},
    test::{self, cargo},
};

const PLAYWRIGHT: &str = "playwright==1.65.2";
const CHROMIUM: &str = "/usr/bin/chromium";

/// Builds the services and runs the test.
pub(crate) fn run() -> Result<()> {
    ensure!(
        Path::new(CHROMIUM).exists(),
        "there is no {CHROMIUM}; install Debian's package chromium (.ci/run does)"
    );
    cargo(&["build", "-p", "uigniter-services"])?;
    let environment = target().join("page-venv");
    let python = environment.join("bin/python");
    if !environment.join("ready").exists() {
        test::run(
            Command::new("python3")
                .args(["-m", "venv", "--clear"])
                .arg(&environment),
        )?;
        test::run(Command::new(&python).args(["-m", "pip", "install", "--quiet", PLAYWRIGHT]))?;
        std::fs::write(environment.join("ready"), PLAYWRIGHT)?;
    }
    test::run(
        Command::new(&python)
            .arg(root().join("crates/services/tests/page/test_page.py"))
            .arg(target().join("debug/uigniter-services"))
            .arg(CHROMIUM)
            .arg(target().join("page")),
    )
}
