//! What can go wrong in a network, and the way out of each.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;

use crate::Protocol;

/// Why a network did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The range cannot be cut into bridges.
    #[error(
        "`{text}` is not a usable range; write a base address and a prefix of 8 to 22 bits, for example 172.16.0.0/12"
    )]
    Subnet {
        /// The range as it was given.
        text: String,
    },
    /// The name cannot name a namespace, an owner or an instance.
    #[error(
        "`{text}` cannot be {what}; use 1 to {max} letters, digits, `-`, `_` or `.`, beginning with a letter or digit"
    )]
    Name {
        /// What it was to name.
        what: &'static str,
        /// The text as it was given.
        text: String,
        /// Longest text that is taken, in bytes.
        max: usize,
    },
    /// A limit of the configuration is 0 or more than the kernel allows.
    #[error("limit `{limit}` cannot be {value}; use 1 to {max}")]
    Limit {
        /// Name of the field.
        limit: &'static str,
        /// Its value.
        value: usize,
        /// The most that is possible.
        max: usize,
    },
    /// Another process has the network open.
    #[error("network `{name}` is in use by another process; stop that daemon or choose another network name")]
    InUse {
        /// Name of the network.
        name: String,
    },
    /// The process may not make namespaces or taps.
    #[error(
        "no permission to {action} ({source}); run the daemon as root or with CAP_NET_ADMIN and CAP_SYS_ADMIN"
    )]
    Permission {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The namespace could not be made or entered.
    #[error("cannot {action}: {source}; `uigniter doctor` says what this host lacks")]
    Namespace {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A bridge or tap could not be made, changed or removed.
    #[error("cannot {action}: {source}; `uigniter doctor` says what this host lacks")]
    Link {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The lease file could not be read or written.
    #[error("cannot {action} {}: {source}; check the folder's permissions and free space", path.display())]
    State {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The lease file holds a line that this version did not write.
    #[error("{}:{line} is not a lease; stop all instances and remove the file, or restore it from a backup", path.display())]
    CorruptState {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
    },
    /// Every address is leased.
    #[error(
        "all {capacity} addresses of {subnet} are in use; remove instances, or start the daemon with a larger range"
    )]
    PoolFull {
        /// Addresses in the pool.
        capacity: usize,
        /// The range.
        subnet: String,
    },
    /// Another socket of the host has the port.
    #[error(
        "{protocol} port {address} is already in use on the host; stop what listens there or publish another port"
    )]
    PortTaken {
        /// Transport.
        protocol: Protocol,
        /// Address and port.
        address: SocketAddr,
    },
    /// The host refused to listen there for another reason.
    #[error(
        "cannot listen on {protocol} {address}: {source}; publish on an address of this host and a port that you may use"
    )]
    Listen {
        /// Transport.
        protocol: Protocol,
        /// Address and port.
        address: SocketAddr,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The target is no guest address of this network.
    #[error("{address} is not a guest address of this network; attach the instance first")]
    NotAGuest {
        /// The address.
        address: Ipv4Addr,
    },
    /// The guest did not take a connection.
    #[error("cannot connect to {address}: {source}; is the program in the instance listening?")]
    Connect {
        /// Where to.
        address: SocketAddrV4,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The owner has no attachment.
    #[error("`{owner}` has no network attachment; attach it first")]
    NotAttached {
        /// The owner.
        owner: String,
    },
    /// The name belongs to another live owner.
    #[error("name `{name}` belongs to `{owner}`; choose another name or remove that instance")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        owner: String,
    },
    /// The network was closed.
    #[error("the network is closed; open it again")]
    Closed,
}

/// The result of most calls.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What a step at the namespace failed with.
    pub(crate) fn namespace(action: impl Into<String>, source: impl Into<io::Error>) -> Self {
        let (action, source) = (action.into(), source.into());
        if source.kind() == io::ErrorKind::PermissionDenied {
            Self::Permission { action, source }
        } else {
            Self::Namespace { action, source }
        }
    }

    /// What a step at a bridge or tap failed with.
    pub(crate) fn link(action: impl Into<String>, source: impl Into<io::Error>) -> Self {
        let (action, source) = (action.into(), source.into());
        if source.kind() == io::ErrorKind::PermissionDenied {
            Self::Permission { action, source }
        } else {
            Self::Link { action, source }
        }
    }
}
