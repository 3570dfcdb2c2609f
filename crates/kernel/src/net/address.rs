//! Socket addresses as programs pass them: `sockaddr_in` (`ip(7)`), `sockaddr_in6` (`ipv6(7)`), `sockaddr_nl` (`netlink(7)`) and `sockaddr_un` (`unix(7)`).

use crate::{
    errno::{Errno, Result},
    user::{UserPtr, UserSlice},
};
use alloc::{vec, vec::Vec};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use linux_raw_sys::net as raw;

/// Length of a `sockaddr_in`.
const INET_LEN: usize = 16;
/// Length of a `sockaddr_in6`, and the least that Linux takes for one: without the scope (RFC 2133).
const INET6_LEN: usize = 28;
const INET6_LEN_MIN: usize = 24;
/// Length of a `sockaddr_nl`.
const NETLINK_LEN: usize = 12;
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
    /// `AF_INET6`.
    Inet6(SocketAddrV6),
    /// `AF_NETLINK`: port (0 is the kernel) and groups.
    Netlink(u32, u32),
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
            raw::AF_INET6 if bytes.len() < INET6_LEN_MIN => Err(Errno::EINVAL),
            raw::AF_INET6 => {
                let mut whole = [0; INET6_LEN];
                let len = bytes.len().min(INET6_LEN);
                whole[..len].copy_from_slice(&bytes[..len]);
                let ip: [u8; 16] = *whole[8..].first_chunk().ok_or(Errno::EINVAL)?;
                let word = |at: usize| [whole[at], whole[at + 1], whole[at + 2], whole[at + 3]];
                Ok(Self::Inet6(SocketAddrV6::new(
                    Ipv6Addr::from(ip),
                    u16::from_be_bytes([whole[2], whole[3]]),
                    u32::from_be_bytes(word(4)),
                    u32::from_ne_bytes(word(24)),
                )))
            }
            raw::AF_NETLINK => {
                let [_, _, p0, p1, p2, p3, g0, g1, g2, g3, ..] = *rest else {
                    return Err(Errno::EINVAL);
                };
                Ok(Self::Netlink(
                    u32::from_ne_bytes([p0, p1, p2, p3]),
                    u32::from_ne_bytes([g0, g1, g2, g3]),
                ))
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
            Self::Inet6(address) => {
                out[..2].copy_from_slice(&(raw::AF_INET6 as u16).to_ne_bytes());
                out.extend_from_slice(&address.port().to_be_bytes());
                out.extend_from_slice(&address.flowinfo().to_be_bytes());
                out.extend_from_slice(&address.ip().octets());
                out.extend_from_slice(&address.scope_id().to_ne_bytes());
            }
            Self::Netlink(port, groups) => {
                out[..2].copy_from_slice(&(raw::AF_NETLINK as u16).to_ne_bytes());
                out.extend_from_slice(&[0, 0]);
                out.extend_from_slice(&port.to_ne_bytes());
                out.extend_from_slice(&groups.to_ne_bytes());
                out.resize(NETLINK_LEN, 0);
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

    /// As the address of a packet, for a socket of that family: an IPv6 socket names IPv4 hosts by v4-mapped addresses (`ipv6(7)`).
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT` for another family.
    pub fn socket_addr(&self, family: u32) -> Result<SocketAddr> {
        match self {
            Self::Inet(address) if family == raw::AF_INET => Ok(SocketAddr::V4(*address)),
            Self::Inet6(address) if family == raw::AF_INET6 => Ok(match address.ip().to_ipv4_mapped() {
                Some(ip) => SocketAddr::new(IpAddr::V4(ip), address.port()),
                // The flow label is not ours to choose, and there is one link that a scope could name.
                None => SocketAddr::new(IpAddr::V6(*address.ip()), address.port()),
            }),
            _ => Err(Errno::EAFNOSUPPORT),
        }
    }

    /// The address of a packet as a socket of that family shows it.
    #[must_use]
    pub fn of(address: SocketAddr, family: u32) -> Self {
        match address {
            SocketAddr::V4(address) if family == raw::AF_INET => Self::Inet(address),
            SocketAddr::V4(address) => Self::Inet6(SocketAddrV6::new(
                address.ip().to_ipv6_mapped(),
                address.port(),
                0,
                0,
            )),
            SocketAddr::V6(address) => {
                let scope = if address.ip().is_unicast_link_local() {
                    super::interface::ETHERNET_INDEX
                } else {
                    0
                };
                Self::Inet6(SocketAddrV6::new(*address.ip(), address.port(), 0, scope))
            }
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
            Address::Inet6(SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0x1234, 5, 6)),
            Address::Netlink(7, 9),
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
        assert_eq!(Address::from_bytes(&[99; 28]), Ok(Address::Other));
    }
}
