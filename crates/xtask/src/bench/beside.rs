//! A C program that measures itself, run as a host process and in a microVM in turn, on the same core.
//!
//! The programs are in `programs/`; each prints lines `NAME NANOSECONDS`, and each figure is the best of all rounds: what disturbs one only makes it longer.

use std::{collections::HashMap, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};

use crate::{
    host::{self, root, target},
    test,
};

/// Memory of the microVM; the programs need a third of it.
const MEMORY: &str = "512M";

/// One line of a program, from both sides.
#[derive(Clone, Debug)]
pub(super) struct Figure {
    pub(super) name: String,
    /// Nanoseconds as a host process.
    pub(super) host_ns: f64,
    /// Nanoseconds in a microVM.
    pub(super) guest_ns: f64,
}

/// Compiles `programs/NAME.c` and runs it `rounds` times on each side.
pub(super) fn measure(name: &str, rounds: u32) -> Result<Vec<Figure>> {
    test::build_release()?;
    let program = compile(name)?;
    host::stay_on_one_core()?;
    let mut best: Vec<Figure> = Vec::new();
    for _ in 0..rounds {
        let on_host = run(&mut Command::new(&program))?;
        let mut guest = Command::new(test::binary());
        let in_guest: HashMap<_, _> = run(guest.args(["run", "--rm", "--memory", MEMORY]).arg(&program))?
            .into_iter()
            .collect();
        for (name, host_ns) in on_host {
            let guest_ns = *in_guest
                .get(&name)
                .with_context(|| format!("no {name} from the guest"))?;
            match best.iter_mut().find(|figure| figure.name == name) {
                Some(figure) => {
                    figure.host_ns = figure.host_ns.min(host_ns);
                    figure.guest_ns = figure.guest_ns.min(guest_ns);
                }
                None => best.push(Figure {
                    name,
                    host_ns,
                    guest_ns,
                }),
            }
        }
    }
    Ok(best)
}

fn compile(name: &str) -> Result<PathBuf> {
    let dir = target().join("xtask");
    std::fs::create_dir_all(&dir)?;
    let program = dir.join(name);
    let status = Command::new("gcc")
        .args(["-O2", "-static", "-o"])
        .arg(&program)
        .arg(
            root()
                .join("crates/xtask/programs")
                .join(name)
                .with_extension("c"),
        )
        .status()
        .context("gcc; Debian: apt install gcc libc6-dev")?;
    ensure!(status.success(), "gcc ended with {status}");
    Ok(program)
}

/// Runs a command and reads its lines.
fn run(command: &mut Command) -> Result<Vec<(String, f64)>> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{command:?} ended with {}: {text}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text.lines()
        .map(|line| figure(line).with_context(|| format!("not a figure: {line:?}")))
        .collect()
}

fn figure(line: &str) -> Option<(String, f64)> {
    let (name, ns) = line.split_once(' ')?;
    Some((name.to_owned(), ns.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_and_a_number() {
        assert_eq!(figure("read/trap 1150.4"), Some(("read/trap".to_owned(), 1150.4)));
        for wrong in ["", "read", "read fast"] {
            assert_eq!(figure(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_program_that_fails_is_no_measurement() {
        assert!(run(&mut Command::new("false")).is_err());
        assert_eq!(
            run(Command::new("echo").arg("x 1.5")).unwrap(),
            [("x".to_owned(), 1.5)]
        );
    }
}
