//! How quickly a program computes in a microVM, as a part of the host process's speed.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use super::beside;

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct Compute {
    kinds: Vec<Kind>,
}

/// One way to compute.
#[derive(Debug, Serialize)]
struct Kind {
    name: String,
    host_ms: f64,
    guest_ms: f64,
    /// `host_ms` divided by `guest_ms`: 1 is as quick as the host process, less is slower.
    speed: f64,
}

/// Measures `rounds` times on each side.
pub(super) fn measure(rounds: u32) -> Result<Compute> {
    let kinds = beside::measure("compute", rounds)?
        .into_iter()
        .map(|figure| Kind {
            name: figure.name,
            host_ms: figure.host_ns / 1e6,
            guest_ms: figure.guest_ns / 1e6,
            speed: figure.host_ns / figure.guest_ns,
        });
    Ok(Compute {
        kinds: kinds.collect(),
    })
}

impl fmt::Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:14} {:>11} {:>11} {:>9}", "", "host", "guest", "speed")?;
        for kind in &self.kinds {
            write!(
                f,
                "\n{:14} {:8.2} ms {:8.2} ms {:9.2}",
                kind.name, kind.host_ms, kind.guest_ms, kind.speed
            )?;
        }
        Ok(())
    }
}
