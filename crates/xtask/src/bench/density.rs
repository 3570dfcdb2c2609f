//! Memory per instance: how MemAvailable falls as instances that have each given a page become more.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;
use uigniter_api::{Client, vm::RunRequest};

use super::page;
use crate::{daemon::Daemon, figures::slope, host, program};

const MIB: f64 = 1048576.0;

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct Density {
    points: Vec<Point>,
    /// Slope of what MemAvailable lost, per instance.
    mib_per_instance: f64,
    /// The VMM processes' own proportional share, per instance, at the last point.
    pss_mib_per_instance: f64,
}

/// One measurement.
#[derive(Debug, Serialize)]
struct Point {
    instances: u32,
    mem_available_mib: f64,
}

/// Measures at each of `steps`.
pub(super) fn measure(steps: &[u32]) -> Result<Density> {
    let hello = program::hello_server()?;
    let daemon = Daemon::start(0)?;
    let (points, pss) = daemon.inside(async |client| {
        client.import_image("hello", &hello).await?;
        let mut points = Vec::new();
        let mut running = 0;
        for &step in steps {
            while running < step {
                start(&client).await?;
                running += 1;
            }
            points.push(Point {
                instances: running,
                mem_available_mib: host::mem_available()? as f64 / MIB,
            });
        }
        let mut pss = 0;
        for instance in client.list_instances().await? {
            pss += client.stats(&instance.id).await?.pss_bytes;
        }
        remove_all(&client).await?;
        Ok((points, pss as f64 / MIB / f64::from(running.max(1))))
    })?;
    daemon.stop()?;
    let line: Vec<_> = points
        .iter()
        .map(|p| (f64::from(p.instances), -p.mem_available_mib))
        .collect();
    let mib_per_instance = slope(&line).context("give at least two different numbers of instances")?;
    Ok(Density {
        points,
        mib_per_instance,
        pss_mib_per_instance: pss,
    })
}

/// Starts one instance of the image `hello` and takes a page from it; gives its VMM's process.
pub(super) async fn start(client: &Client) -> Result<u32> {
    let request = RunRequest {
        image_name: "hello".to_owned(),
        cmdline: "/hello".to_owned(),
        read_only: true,
    };
    let answer = client.run_vm(&request).await?;
    let server = SocketAddr::new(answer.ip_address.into(), program::PORT);
    page::first_byte(server, Instant::now()).await?;
    client
        .get_instance(&answer.id)
        .await?
        .pid
        .context("a running instance has a process")
}

/// Deletes every instance.
pub(super) async fn remove_all(client: &Client) -> Result<()> {
    for instance in client.list_instances().await? {
        client.delete_instance(&instance.id, true).await?;
    }
    Ok(())
}

impl std::fmt::Display for Density {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for point in &self.points {
            writeln!(
                f,
                "{:4} instances: {:8.1} MiB available",
                point.instances, point.mem_available_mib
            )?;
        }
        write!(
            f,
            "{:.1} MiB per instance by the slope of MemAvailable; {:.1} MiB by the processes' proportional share",
            self.mib_per_instance, self.pss_mib_per_instance
        )
    }
}
