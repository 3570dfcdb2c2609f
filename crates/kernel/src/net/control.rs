//! What goes beside the bytes of a message: descriptors, credentials, packet information (`cmsg(3)`, `unix(7)`, `ip(7)`, `ipv6(7)`).

use crate::{file::OpenFile, process::PID};
use alloc::{sync::Arc, vec::Vec};

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
