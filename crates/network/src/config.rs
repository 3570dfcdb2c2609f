//! What a [`Network`](crate::Network) is made from.

use std::path::PathBuf;
use std::time::Duration;

use crate::Subnet;

/// Settings of one network. [`Config::new`] gives the defaults; every field may be changed before
/// [`open`](crate::Network::open).
#[derive(Debug, Clone)]
pub struct Config {
    /// Name of the namespace: `/run/netns/NAME` (`ip netns exec NAME ..` works). One process at a time may have it open.
    pub name: String,
    /// Folder that keeps the leases. Made if it is absent.
    pub state_dir: PathBuf,
    /// The range that bridges, guests and gateways take their addresses from. A network that has leases keeps the range
    /// that it had when they were made.
    pub subnet: Subnet,
    /// Bounds; the defaults are right outside tests.
    pub limits: Limits,
}

/// Bounds of a network.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Guests per bridge, at most 1,021: a /22 less network, gateway and broadcast address. The kernel's own bound is
    /// 1,023 ports (`BR_MAX_PORTS`).
    pub guests_per_bridge: u16,
    /// Bridges, at most as many as the range has slices of /22.
    pub bridges: u16,
    /// TCP connections that one published port proxies at a time. Further clients wait in the listen backlog.
    pub connections_per_port: usize,
    /// UDP clients that one published port keeps apart. The one that was silent longest gives way to a new one.
    pub flows_per_port: usize,
    /// How long a guest may take to answer a connection of a client of a published port before the client is reset.
    pub connect_timeout: Duration,
    /// How long a UDP flow without traffic is kept.
    pub flow_idle: Duration,
}

impl Config {
    /// A network of that name with the range 172.16.0.0/12.
    #[must_use]
    pub fn new(name: impl Into<String>, state_dir: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            state_dir: state_dir.into(),
            subnet: Subnet::default(),
            limits: Limits::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            guests_per_bridge: crate::subnet::GUESTS_PER_SLICE,
            bridges: u16::MAX,
            connections_per_port: 4096,
            flows_per_port: 1024,
            connect_timeout: Duration::from_secs(5),
            flow_idle: Duration::from_secs(60),
        }
    }
}
