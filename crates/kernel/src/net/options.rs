//! Values of socket options, and the numbers that `linux_raw_sys` keeps in enums.

use crate::errno::{Errno, Result};
use alloc::vec::Vec;

/// `IPPROTO_TCP`, the level of `tcp(7)`'s options.
pub(super) const IPPROTO_TCP: u32 = 6;
/// `IPPROTO_UDP`, the level of `udp(7)`'s options.
pub(super) const IPPROTO_UDP: u32 = 17;
/// `IPPROTO_IP`, the level of `ip(7)`'s options.
pub(super) const IPPROTO_IP: u32 = 0;

/// `IPPROTO_IPV6`, the level of `ipv6(7)`'s options.
pub(super) const IPPROTO_IPV6: u32 = 41;

/// What `getsockopt(2)` gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An `int`.
    Int(i32),
    /// A structure.
    Bytes(Vec<u8>),
}

impl Value {
    /// A flag as an `int`.
    #[must_use]
    pub fn flag(on: bool) -> Self {
        Self::Int(i32::from(on))
    }

    /// The bytes for the program, cut to its buffer's length.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Int(value) => value.to_ne_bytes().to_vec(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// An `int` option's value.
///
/// # Errors
///
/// `EINVAL` if it is too short.
pub(super) fn int(value: &[u8]) -> Result<i32> {
    value
        .first_chunk()
        .map(|bytes| i32::from_ne_bytes(*bytes))
        .ok_or(Errno::EINVAL)
}

/// An `int` option's value that must not be negative.
///
/// # Errors
///
/// `EINVAL`.
pub(super) fn unsigned(value: &[u8]) -> Result<u32> {
    u32::try_from(int(value)?).map_err(|_| Errno::EINVAL)
}

/// An `ip(7)` option's value, which may be a single byte.
///
/// # Errors
///
/// `EINVAL` if it is empty.
pub(super) fn int_or_byte(value: &[u8]) -> Result<i32> {
    int(value).or_else(|_| value.first().map(|&byte| i32::from(byte)).ok_or(Errno::EINVAL))
}
