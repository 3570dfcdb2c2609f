//! Typed client of Firecracker's API over a Unix socket; it drives `uigniter vmm` and the real Firecracker alike.
//!
//! Paths, field names and answers are those of Firecracker 1.17's `firecracker.yaml`. One [`Client`] keeps one
//! connection alive and sends one request at a time on it, which is also how the server works: every round trip
//! counts in a cold start, a new connection would cost two more.
//!
//! ```no_run
//! # async fn example() -> Result<(), uigniter_firecracker_client::Error> {
//! use std::time::{Duration, Instant};
//! use uigniter_firecracker_client::{Action, BootSource, Client, MachineConfig};
//!
//! let vm = Client::new("/run/uigniter/instances/1/api.sock");
//! vm.wait_until_ready(Instant::now() + Duration::from_secs(1)).await?;
//! vm.put_machine_config(&MachineConfig::new(1, 128)).await?;
//! vm.put_boot_source(&BootSource::new("/var/lib/uigniter/kernel/kernel.elf", "--nopci /hello")).await?;
//! vm.action(Action::InstanceStart).await?;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]

mod client;
mod connection;
mod error;
mod ready;
mod types;

pub use client::Client;
pub use error::Error;
pub use types::{
    Action, Balloon, BootSource, CacheType, Drive, Folder, InstanceInfo, InstanceState, IoEngine, LogLevel,
    Logger, MachineConfig, Metrics, NetworkInterface, Pmem, Serial, VmState,
};
