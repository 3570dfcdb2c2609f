//! Cold start: from `POST /vm/run` to the first HTTP byte of the program, one instance after another.
//!
//! The client sits inside the daemon's network, next to the guests, so no proxy is in the way. Before each request the pool has
//! filled up again, as it would between requests on a host that is not saturated.

use std::{net::SocketAddr, time::Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;
use uigniter_api::{Client, vm::RunRequest};

use super::{container, floor, page};
use crate::{
    daemon::{Daemon, pool_full},
    figures::Summary,
    host, program,
};

/// Name of the image.
pub(super) const IMAGE: &str = "hello";

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct ColdStart {
    /// `POST /vm/run` to first byte.
    first_byte: Summary,
    /// The part until the daemon's answer.
    answer: Summary,
    /// Requests that found a microVM waiting.
    pool_hits: u64,
    /// Requests that did not.
    pool_misses: u64,
    /// Guest pages that were resident when the byte had come.
    touched_pages: u64,
    /// Raw KVM: VM, memory, vCPU, so many pages touched, first exit.
    kvm_floor: Summary,
    /// `first_byte` divided by `kvm_floor`, medians.
    times_kvm_floor: f64,
    /// `runc run` of the same binary to its first byte.
    runc: Option<Summary>,
    /// `first_byte` divided by `runc`, medians.
    times_runc: Option<f64>,
    /// Why there is no `runc` figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    runc_absent: Option<String>,
}

/// Measures `instances` starts with a pool of `pool`, then the floor and the container.
pub(super) fn measure(instances: u32, pool: u32) -> Result<ColdStart> {
    let hello = program::hello_server()?;
    let daemon = Daemon::start(pool)?;
    let starts = daemon.inside(async |client| {
        client.import_image(IMAGE, &hello).await?;
        all_starts(&client, instances).await
    })?;
    let namespace = daemon.version.network_namespace.clone();
    let container = container::measure(&namespace, &hello, instances.min(20));
    daemon.stop()?;
    let kvm_floor = floor::measure(instances.min(50), starts.touched_pages)?;
    let first_byte = Summary::of(starts.first_byte).context("no instance was started")?;
    let (runc, runc_absent) = match container {
        Ok(summary) => (Some(summary), None),
        Err(error) => (None, Some(format!("{error:#}"))),
    };
    Ok(ColdStart {
        first_byte,
        answer: Summary::of(starts.answer).context("no instance was started")?,
        pool_hits: starts.hits,
        pool_misses: starts.misses,
        touched_pages: starts.touched_pages,
        kvm_floor,
        times_kvm_floor: first_byte.median / kvm_floor.median,
        times_runc: runc.map(|runc| first_byte.median / runc.median),
        runc,
        runc_absent,
    })
}

/// Raw measurements.
pub(super) struct Starts {
    /// Milliseconds to the first byte.
    pub(super) first_byte: Vec<f64>,
    /// Milliseconds to the daemon's answer.
    pub(super) answer: Vec<f64>,
    hits: u64,
    misses: u64,
    touched_pages: u64,
    /// The VMM process's proportional share when it had given a page, in bytes.
    pub(super) pss_bytes: Vec<f64>,
}

/// Starts so many instances of `hello`, one after another.
pub(super) async fn all_starts(client: &Client, instances: u32) -> Result<Starts> {
    let request = RunRequest {
        image_name: IMAGE.to_owned(),
        cmdline: format!("/{IMAGE}"),
        read_only: true,
    };
    let before = client.pool().await?;
    let mut starts = Starts {
        first_byte: Vec::new(),
        answer: Vec::new(),
        hits: 0,
        misses: 0,
        touched_pages: 0,
        pss_bytes: Vec::new(),
    };
    for _ in 0..instances {
        pool_full(client).await?;
        let begin = Instant::now();
        let answer = client.run_vm(&request).await?;
        let answered = begin.elapsed();
        let server = SocketAddr::new(answer.ip_address.into(), program::PORT);
        page::first_byte(server, begin).await?;
        let took = begin.elapsed();
        starts.first_byte.push(took.as_secs_f64() * 1e3);
        starts.answer.push(answered.as_secs_f64() * 1e3);
        page::whole_page(server).await?;
        starts
            .pss_bytes
            .push(client.stats(&answer.id).await?.pss_bytes as f64);
        if let Some(pid) = client.get_instance(&answer.id).await?.pid {
            starts.touched_pages = starts.touched_pages.max(host::guest_memory_resident(pid)? / 4096);
        }
        client.delete_instance(&answer.id, true).await?;
    }
    let after = client.pool().await?;
    (starts.hits, starts.misses) = (after.hits - before.hits, after.misses - before.misses);
    Ok(starts)
}

impl std::fmt::Display for ColdStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "POST /vm/run to first byte  {}", self.first_byte)?;
        writeln!(f, "  until the daemon's answer {}", self.answer)?;
        writeln!(
            f,
            "  pool                      {} hits, {} misses",
            self.pool_hits, self.pool_misses
        )?;
        writeln!(
            f,
            "raw KVM, {:5} pages        {}",
            self.touched_pages, self.kvm_floor
        )?;
        writeln!(
            f,
            "  first byte is             {:.1} times that",
            self.times_kvm_floor
        )?;
        match (&self.runc, &self.times_runc, &self.runc_absent) {
            (Some(runc), Some(times), _) => {
                writeln!(f, "runc run to first byte      {runc}")?;
                write!(f, "  first byte is             {times:.2} times that")
            }
            (.., reason) => write!(
                f,
                "runc run                    not measured: {}",
                reason.as_deref().unwrap_or("")
            ),
        }
    }
}
