//! What a system call costs: of a host process, in a microVM as the C library makes it, and in a microVM from code that is not rewritten.

use std::fmt;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::beside::{self, Figure};

/// What the program calls the same system call made by a `syscall` instruction that nobody rewrites.
const TRAPPED: &str = "/trap";

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct Syscalls {
    calls: Vec<Call>,
}

/// One system call, in nanoseconds.
#[derive(Debug, Serialize)]
struct Call {
    name: String,
    host_ns: f64,
    guest_ns: f64,
    guest_trapped_ns: f64,
    /// `guest_ns` divided by `host_ns`.
    times_host: f64,
    /// `guest_trapped_ns` divided by `host_ns`.
    trapped_times_host: f64,
}

/// Measures `rounds` times on each side.
pub(super) fn measure(rounds: u32) -> Result<Syscalls> {
    let figures = beside::measure("syscall", rounds)?;
    let calls = figures.iter().filter(|figure| !figure.name.ends_with(TRAPPED));
    let calls = calls.map(|call| one(call, &figures)).collect::<Result<_>>()?;
    Ok(Syscalls { calls })
}

fn one(call: &Figure, figures: &[Figure]) -> Result<Call> {
    let name = format!("{}{TRAPPED}", call.name);
    let trapped = figures.iter().find(|figure| figure.name == name).context(name)?;
    // The same instruction to the host: the quicker of both is what Linux takes.
    let host_ns = call.host_ns.min(trapped.host_ns);
    Ok(Call {
        name: call.name.clone(),
        host_ns,
        guest_ns: call.guest_ns,
        guest_trapped_ns: trapped.guest_ns,
        times_host: call.guest_ns / host_ns,
        trapped_times_host: trapped.guest_ns / host_ns,
    })
}

impl fmt::Display for Syscalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:14} {:>9} {:>9} {:>16} {:>9} {:>16}",
            "", "host", "guest", "", "trapped", ""
        )?;
        for call in &self.calls {
            write!(
                f,
                "\n{:14} {:6.0} ns {:6.0} ns {:6.2} times it {:6.0} ns {:6.2} times it",
                call.name,
                call.host_ns,
                call.guest_ns,
                call.times_host,
                call.guest_trapped_ns,
                call.trapped_times_host
            )?;
        }
        Ok(())
    }
}
