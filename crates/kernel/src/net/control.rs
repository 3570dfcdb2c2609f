//! What goes beside the bytes of a message: descriptors, credentials, packet information (`cmsg(3)`, `unix(7)`, `ip(7)`, `ipv6(7)`).

use crate::{file::OpenFile, process::PID};
use alloc::{sync::Arc, vec::Vec};
use linux_raw_sys::net as raw;

/// Most descriptors of one message (`SCM_MAX_FD`, `unix(7)`).
pub const FILES_MAX: usize = 253;
/// `SCM_RIGHTS` (`unix(7)`).
pub const SCM_RIGHTS: u32 = 1;
/// `SCM_CREDENTIALS` (`unix(7)`).
pub const SCM_CREDENTIALS: u32 = 2;
/// The user and group that stand for "not known here" (`/proc/sys/kernel/overflowuid`).
const NOBODY: u32 = 65_534;

/// `struct ucred` (`unix(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Process.
    pub pid: i32,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Credentials {
    /// Those of the one process, which is root.
    pub const OWN: Self = Self {
        pid: PID,
        uid: 0,
        gid: 0,
    };
    /// Those of a message whose sender was not asked to leave any.
    pub const UNKNOWN: Self = Self {
        pid: 0,
        uid: NOBODY,
        gid: NOBODY,
    };
    /// Those of the peer of a socket that has none.
    pub const NO_PEER: Self = Self {
        pid: 0,
        uid: u32::MAX,
        gid: u32::MAX,
    };

    /// As a program gets them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&self.pid.to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.uid.to_ne_bytes());
        bytes[8..].copy_from_slice(&self.gid.to_ne_bytes());
        bytes
    }

    /// As a program passes them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 12]) -> Self {
        let word = |at: usize| u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Self {
            pid: word(0) as i32,
            uid: word(4),
            gid: word(8),
        }
    }
}

/// One control message.
#[derive(Clone, Debug)]
pub enum Ancillary {
    /// `SCM_RIGHTS`: open file descriptions, whose descriptors are made when the message is received.
    Files(Vec<Arc<OpenFile>>),
    /// `SCM_CREDENTIALS`.
    Credentials(Credentials),
    /// Any other: `cmsg_level`, `cmsg_type` and data.
    Other {
        /// `cmsg_level`.
        level: u32,
        /// `cmsg_type`.
        kind: u32,
        /// What follows the header.
        data: Vec<u8>,
    },
}

impl Ancillary {
    /// One of level `SOL_SOCKET` or of a protocol, with an `int`.
    #[must_use]
    pub fn int(level: u32, kind: u32, value: i32) -> Self {
        Self::Other {
            level,
            kind,
            data: value.to_ne_bytes().to_vec(),
        }
    }
}
/// What `SO_TIMESTAMP` and `SO_TIMESTAMPNS` (`socket(7)`) ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Timestamp {
    /// Nothing.
    #[default]
    Off,
    /// A `struct timeval`.
    Micros,
    /// A `struct timespec`.
    Nanos,
}

impl Timestamp {
    /// After setting the option of that name.
    pub(super) fn set(self, name: u32, on: bool) -> Self {
        match (on, name) {
            (false, _) => Self::Off,
            (true, raw::SO_TIMESTAMPNS_OLD) => Self::Nanos,
            (true, _) => Self::Micros,
        }
    }

    /// Whether the option of that name is on.
    pub(super) fn answers(self, name: u32) -> bool {
        match name {
            raw::SO_TIMESTAMPNS_OLD => self == Self::Nanos,
            _ => self == Self::Micros,
        }
    }

    /// The message for a time in nanoseconds since the epoch.
    pub(super) fn message(self, at: u64) -> Option<Ancillary> {
        let (kind, fraction) = match self {
            Self::Off => return None,
            Self::Micros => (raw::SO_TIMESTAMP_OLD, at % 1_000_000_000 / 1000),
            Self::Nanos => (raw::SO_TIMESTAMPNS_OLD, at % 1_000_000_000),
        };
        let mut data = (at / 1_000_000_000).to_ne_bytes().to_vec();
        data.extend_from_slice(&fraction.to_ne_bytes());
        Some(Ancillary::Other {
            level: raw::SOL_SOCKET,
            kind,
            data,
        })
    }
}
