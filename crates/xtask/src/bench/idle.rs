//! Idle means idle: CPU time that instances take which nobody asks anything.

use std::{thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use super::density::start;
use crate::{daemon::Daemon, host, program};

/// Clock ticks per second that `/proc` uses, `sysconf(_SC_CLK_TCK)`: 100 on every x86-64 Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct Idle {
    instances: usize,
    seconds: u64,
    /// All of them together, from the scheduler's nanosecond count.
    cpu_milliseconds: f64,
    /// The same by `utime` and `stime`.
    cpu_milliseconds_by_ticks: f64,
    /// Share of one core that all take together.
    pub(super) percent_of_a_core: f64,
}

/// Lets `count` instances stand for `seconds`.
pub(super) fn measure(count: u32, seconds: u64) -> Result<Idle> {
    measure_on("embedded", count, seconds)
}

/// The same on a monitor, as `uigniter daemon --vmm` takes it.
pub(super) fn measure_on(monitor: &str, count: u32, seconds: u64) -> Result<Idle> {
    let hello = program::hello_server()?;
    let daemon = Daemon::start_on(monitor, 0)?;
    let pids = daemon.inside(async |client| {
        client.import_image("hello", &hello).await?;
        let mut pids = Vec::new();
        for _ in 0..count {
            pids.push(start(&client).await?);
        }
        Ok(pids)
    })?;
    // What starting left to do (pages zeroed, sockets closed) ends first.
    thread::sleep(Duration::from_secs(2));
    let before = sums(&pids)?;
    // They booted, so they took some; if not, the wrong thing is measured and "idle" means nothing.
    ensure!(
        before.0 > Duration::ZERO,
        "the instances' processes took no CPU time at all"
    );
    thread::sleep(Duration::from_secs(seconds));
    let after = sums(&pids)?;
    daemon.inside(async |client| super::density::remove_all(&client).await)?;
    daemon.stop()?;
    let milliseconds = after.0.saturating_sub(before.0).as_secs_f64() * 1e3;
    Ok(Idle {
        instances: pids.len(),
        seconds,
        cpu_milliseconds: milliseconds,
        cpu_milliseconds_by_ticks: (after.1 - before.1) as f64 * 1e3 / TICKS_PER_SECOND,
        percent_of_a_core: milliseconds / (seconds as f64 * 10.0),
    })
}

/// CPU time of all processes: nanoseconds, ticks.
fn sums(pids: &[u32]) -> Result<(Duration, u64)> {
    let mut sums = (Duration::ZERO, 0);
    for &pid in pids {
        let ended = || format!("instance with process {pid} ended while it should have been idle");
        sums.0 += host::cpu_time(pid).with_context(ended)?;
        sums.1 += host::cpu_ticks(pid).with_context(ended)?;
    }
    Ok(sums)
}

impl std::fmt::Display for Idle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} idle instances took {:.1} ms of CPU time in {} s (by ticks: {:.0} ms): {:.2} % of one core together",
            self.instances,
            self.cpu_milliseconds,
            self.seconds,
            self.cpu_milliseconds_by_ticks,
            self.percent_of_a_core
        )
    }
}
