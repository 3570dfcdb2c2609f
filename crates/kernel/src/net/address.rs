//! Socket addresses as programs pass them: `sockaddr_in` (`ip(7)`) and `sockaddr_un` (`unix(7)`).

use crate::{
    errno::{Errno, Result},
    user::{UserPtr, UserSlice},
};
use alloc::{vec, vec::Vec};
use core::net::{Ipv4Addr, SocketAddrV4};
use linux_raw_sys::net as raw;

/// Length of a `sockaddr_in`.
const INET_LEN: usize = 16;
/// Length of a `sockaddr_un`.
const UNIX_LEN: usize = 110;
/// Length of a `sockaddr_storage`, the longest address that a call takes.
const STORAGE_LEN: usize = 128;

/// A socket address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `AF_UNSPEC`: dissolves the association of a datagram socket (`connect(2)`).
    Unspecified,
    /// `AF_INET`.
    Inet(SocketAddrV4),
    /// `AF_UNIX`: empty for unnamed, beginning with NUL for abstract, else a path without NUL.
    Unix(Vec<u8>),
    /// A family that there are no sockets of.
    Other,
}

impl Address {
    /// Reads an address from a program.
    ///
    /// # Errors
    ///
    /// `EFAULT`; `EINVAL` where the length does not fit the family.
    pub fn read(at: u64, len: usize) -> Result<Self> {
        if len > STORAGE_LEN {
            return Err(Errno::EINVAL);
        }
        let bytes = UserSlice::new(at, len).bytes()?;
        Self::from_bytes(bytes)
    }

    /// Takes an address apart.
    ///
    /// # Errors
    ///
    /// `EINVAL`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (family, rest) = bytes.split_first_chunk::<2>().ok_or(Errno::EINVAL)?;
        match u32::from(u16::from_ne_bytes(*family)) {
            raw::AF_UNSPEC => Ok(Self::Unspecified),
            raw::AF_INET => {
                let [p0, p1, a, b, c, d, ..] = *rest else {
                    return Err(Errno::EINVAL);
                };
                if bytes.len() < INET_LEN {
                    return Err(Errno::EINVAL);
                }
                Ok(Self::Inet(SocketAddrV4::new(
                    Ipv4Addr::new(a, b, c, d),
                    u16::from_be_bytes([p0, p1]),
                )))
            }
            raw::AF_UNIX if bytes.len() > UNIX_LEN => Err(Errno::EINVAL),
            raw::AF_UNIX => Ok(Self::Unix(match rest.first() {
                None | Some(0) => rest.to_vec(),
                Some(_) => rest.split(|&byte| byte == 0).next().unwrap_or_default().to_vec(),
            })),
            _ => Ok(Self::Other),
        }
    }

    /// The address as a program gets it.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![0; 2];
        match self {
            Self::Unspecified | Self::Other => {}
            Self::Inet(address) => {
                out[..2].copy_from_slice(&(raw::AF_INET as u16).to_ne_bytes());
                out.extend_from_slice(&address.port().to_be_bytes());
                out.extend_from_slice(&address.ip().octets());
                out.resize(INET_LEN, 0);
            }
            Self::Unix(name) => {
                out[..2].copy_from_slice(&(raw::AF_UNIX as u16).to_ne_bytes());
                out.extend_from_slice(name);
                // A path is given back with its NUL.
                if name.first().is_some_and(|&first| first != 0) {
                    out.push(0);
                }
            }
        }
        out
    }

    /// Writes the address where there may be too little room: it is cut, and the length is that of the whole (`accept(2)`).
    ///
    /// # Errors
    ///
    /// `EFAULT`; `EINVAL` for a negative length.
    pub fn write(&self, at: u64, len: UserPtr<i32>) -> Result<()> {
        let room = usize::try_from(len.read()?).map_err(|_| Errno::EINVAL)?;
        let bytes = self.to_bytes();
        let count = room.min(bytes.len());
        UserSlice::new(at, count)
            .bytes_mut()?
            .copy_from_slice(&bytes[..count]);
        len.write(bytes.len() as i32)
    }

    /// As an IPv4 address.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` for another family.
    pub fn inet(&self) -> Result<SocketAddrV4> {
        match self {
            Self::Inet(address) => Ok(*address),
            _ => Err(Errno::EAFNOSUPPORT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_the_way_there_and_back() {
        for address in [
            Address::Inet(SocketAddrV4::new(Ipv4Addr::new(1, 2, 3, 4), 0x1234)),
            Address::Unix(b"/run/socket".to_vec()),
            Address::Unix(b"\0abstract\0name".to_vec()),
            Address::Unix(Vec::new()),
        ] {
            assert_eq!(Address::from_bytes(&address.to_bytes()), Ok(address));
        }
        assert_eq!(
            Address::from_bytes(&[2, 0, 0, 80, 1, 2, 3, 4]),
            Err(Errno::EINVAL)
        );
        assert_eq!(Address::from_bytes(&[2]), Err(Errno::EINVAL));
        assert_eq!(Address::from_bytes(&[10; 28]), Ok(Address::Other));
    }
}
