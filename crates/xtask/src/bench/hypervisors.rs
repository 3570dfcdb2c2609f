//! The comparison that the first system made: the same small web server in the same library OS, on every monitor that is there.

use std::fmt;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{coldstart, idle};
use crate::{daemon::Daemon, figures::Summary, program};

/// The Firecracker to compare with; without it only ours is measured.
const FIRECRACKER: &str = "UIGNITER_FIRECRACKER";
/// Instances that stand idle, and for how long, in seconds.
const IDLE: (u32, u64) = (20, 10);

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct Hypervisors {
    rows: Vec<Row>,
    /// What could not be measured, and why.
    absent: Vec<String>,
}

/// One monitor.
#[derive(Debug, Serialize)]
struct Row {
    monitor: String,
    /// `POST /vm/run` to the daemon's answer, which comes when the guest has begun.
    answer: Summary,
    /// `POST /vm/run` to the first HTTP byte.
    first_byte: Summary,
    /// Proportional share of the VMM process when a page was given, the median, in MiB.
    pss_mib: f64,
    /// Share of one core that one idle instance takes.
    idle_percent: f64,
}

/// Measures `instances` starts on each monitor, without a pool and with one.
pub(super) fn measure(instances: u32) -> Result<Hypervisors> {
    let mut result = Hypervisors {
        rows: Vec::new(),
        absent: Vec::new(),
    };
    let firecracker = std::env::var(FIRECRACKER);
    let mut monitors = vec!["embedded"];
    match &firecracker {
        Ok(path) => monitors.push(path),
        Err(_) => result
            .absent
            .push(format!("firecracker: {FIRECRACKER} names none")),
    }
    for monitor in monitors {
        for pool in [0, 4] {
            result.rows.push(row(monitor, pool, instances)?);
        }
    }
    Ok(result)
}

fn row(monitor: &str, pool: u32, instances: u32) -> Result<Row> {
    let hello = program::hello_server()?;
    let daemon = Daemon::start_on(monitor, pool)?;
    let starts = daemon.inside(async |client| {
        client.import_image(coldstart::IMAGE, &hello).await?;
        coldstart::all_starts(&client, instances).await
    })?;
    let name = daemon.version.vmm.clone();
    daemon.stop()?;
    let nothing = "no instance was started";
    Ok(Row {
        monitor: format!("{name}, {}", if pool == 0 { "no pool" } else { "pool" }),
        answer: Summary::of(starts.answer).context(nothing)?,
        first_byte: Summary::of(starts.first_byte).context(nothing)?,
        pss_mib: Summary::of(starts.pss_bytes).context(nothing)?.median / f64::from(1 << 20),
        idle_percent: idle::measure_on(monitor, IDLE.0, IDLE.1)?.percent_of_a_core / f64::from(IDLE.0),
    })
}

impl fmt::Display for Hypervisors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:22} {:>18} {:>22} {:>9} {:>7}",
            "", "answer, p99", "first byte, p99", "memory", "idle"
        )?;
        for row in &self.rows {
            write!(
                f,
                "\n{:22} {:7.1} ms {:5.1} ms {:10.1} ms {:5.1} ms {:5.1} MiB {:5.2} %",
                row.monitor,
                row.answer.median,
                row.answer.p99,
                row.first_byte.median,
                row.first_byte.p99,
                row.pss_mib,
                row.idle_percent
            )?;
        }
        for absent in &self.absent {
            write!(f, "\nnot measured: {absent}")?;
        }
        Ok(())
    }
}
