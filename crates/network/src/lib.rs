//! Bridges, taps, address pool, published ports and names, in a network namespace of the daemon's own.
//!
//! ```text
//!  host namespace                 | the daemon's namespace (/run/netns/NAME)
//!                                 |
//!  client --> listener 127.0.0.1  |      +--- uigniter0 172.16.0.1/22 ---+--- tap2 --- microVM 172.16.0.2
//!                  |              |      |    (DNS on port 53)           +--- tap3 --- microVM 172.16.0.3
//!                  +-- proxy -----+------+
//!                                 |      +--- uigniter1 172.16.4.1/22 ---+--- tap1026  microVM 172.16.4.2
//! ```
//!
//! [`Network`] is the one door. It owns a few threads that live inside the namespace, so that every socket that they
//! make is a socket of the namespace; the caller's threads never leave their own.
//!
//! | module | does |
//! |---|---|
//! | `config`, `subnet` | what a network is made from; how the range is cut into bridges, addresses, MACs and tap names |
//! | `namespace` | the named namespace |
//! | `worker` | the threads that live in it |
//! | `link`, `tap` | bridges and taps, by rtnetlink and `/dev/net/tun` |
//! | `lease`, `journal` | who has which address, on disk before it is true |
//! | `publish` | ports of the host that lead to a guest, TCP and UDP |
//! | `dns` | the responder on the gateway addresses |
//!
//! Leases survive a crash of the daemon, and so do namespace, bridges and taps. Published ports and names live in the
//! process and are registered again by whoever recovers the instances.
#![deny(unsafe_code)]

mod attachment;
mod config;
mod dns;
mod error;
mod journal;
mod lease;
mod link;
mod namespace;
mod network;
mod publication;
mod publish;
mod subnet;
mod tap;
mod worker;

pub use attachment::{Attachment, MacAddress, Reconciled};
pub use config::{Config, Limits};
pub use error::Error;
pub use network::Network;
pub use publication::{ParseMappingError, PortMapping, Protocol, Publication};
pub use subnet::Subnet;
