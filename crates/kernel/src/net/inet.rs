//! What TCP and UDP sockets share above IP: the two families, and the options of `ip(7)` and `ipv6(7)`.

use super::{
    address::Address,
    control::{Ancillary, Timestamp},
    interface::index_of_link,
    options::{self, IPPROTO_IP, IPPROTO_IPV6, Value},
    ports::Bound,
    stack::About,
};
use crate::errno::{Errno, Result};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use linux_raw_sys::net as raw;

/// Length of a `struct in_pktinfo` (`ip(7)`).
const PACKET_INFO_V4: usize = 12;
/// Length of a `struct in6_pktinfo` (`ipv6(7)`).
const PACKET_INFO_V6: usize = 20;
/// Hop limit of packets unless an option says otherwise (`ip_default_ttl`, `ip(7)`).
pub(super) const HOP_LIMIT: u8 = 64;

bitflags::bitflags! {
    /// Options that are on or off.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(super) struct Flags: u32 {
        const V6_ONLY = 1;
        const PACKET_INFO = 1 << 1;
        const RECEIVE_TTL = 1 << 2;
        const RECEIVE_TOS = 1 << 3;
        const PACKET_INFO_V6 = 1 << 4;
        const RECEIVE_HOPS_V6 = 1 << 5;
        const RECEIVE_CLASS_V6 = 1 << 6;
        const FREE_BIND = 1 << 7;
        const BIND_NO_PORT = 1 << 8;
        const RECEIVE_ERRORS = 1 << 9;
        const RECEIVE_ERRORS_V6 = 1 << 10;
        const MULTICAST_LOOP = 1 << 11;
        const MULTICAST_LOOP_V6 = 1 << 12;
        const TRANSPARENT = 1 << 13;
    }
}

/// The family of a socket, and its options of the IP layers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inet {
    /// `AF_INET` or `AF_INET6`.
    pub(super) family: u32,
    pub(super) flags: Flags,
    /// `IP_TTL` and `IPV6_UNICAST_HOPS`.
    ttl: u8,
    hops_v6: u8,
    multicast_ttl: u8,
    multicast_hops_v6: u8,
    /// `IP_TOS` and `IPV6_TCLASS`; remembered, not sent.
    tos: u8,
    class_v6: u8,
    /// `IP_MTU_DISCOVER` and `IPV6_MTU_DISCOVER`.
    discover: i32,
    discover_v6: i32,
}

impl Inet {
    /// A new socket's.
    pub(super) fn new(family: u32) -> Self {
        Self {
            family,
            flags: Flags::MULTICAST_LOOP | Flags::MULTICAST_LOOP_V6,
            ttl: HOP_LIMIT,
            hops_v6: HOP_LIMIT,
            multicast_ttl: 1,
            multicast_hops_v6: 1,
            tos: 0,
            class_v6: 0,
            discover: 1,
            discover_v6: 1,
        }
    }

    /// The unspecified address with port 0: that of a socket without a name.
    pub(super) fn unnamed(&self) -> SocketAddr {
        SocketAddr::new(self.any(), 0)
    }

    /// The unspecified address.
    pub(super) fn any(&self) -> IpAddr {
        if self.family == raw::AF_INET6 {
            Ipv6Addr::UNSPECIFIED.into()
        } else {
            Ipv4Addr::UNSPECIFIED.into()
        }
    }

    /// An address as a binding of this socket.
    pub(super) fn bound(&self, ip: IpAddr) -> Bound {
        let dual = ip.is_ipv6() && ip.is_unspecified() && !self.flags.contains(Flags::V6_ONLY);
        Bound { ip, dual }
    }

    /// An address that the program passed.
    ///
    /// # Errors
    ///
    /// `EAFNOSUPPORT`; `ENETUNREACH` for a v4-mapped one where `IPV6_V6ONLY` is set.
    pub(super) fn read(&self, address: &Address) -> Result<SocketAddr> {
        let address = match address {
            // An IPv6 datagram socket also takes the other family's form.
            Address::Inet(address) if self.family == raw::AF_INET6 => SocketAddr::V4(*address),
            other => other.socket_addr(self.family)?,
        };
        if address.is_ipv4() && self.family == raw::AF_INET6 && self.flags.contains(Flags::V6_ONLY) {
            return Err(Errno::ENETUNREACH);
        }
        Ok(address)
    }

    /// An address as the program sees it.
    pub(super) fn show(&self, address: SocketAddr) -> Address {
        Address::of(address, self.family)
    }

    /// The hop limit of packets to a peer of that family.
    pub(super) fn hop_limit(&self, v4: bool) -> u8 {
        if v4 { self.ttl } else { self.hops_v6 }
    }

    fn flag_of(&self, level: u32, name: u32) -> Option<Flags> {
        Some(match (level, name) {
            (IPPROTO_IP, raw::IP_PKTINFO) => Flags::PACKET_INFO,
            (IPPROTO_IP, raw::IP_RECVTTL) => Flags::RECEIVE_TTL,
            (IPPROTO_IP, raw::IP_RECVTOS) => Flags::RECEIVE_TOS,
            (IPPROTO_IP, raw::IP_FREEBIND) | (IPPROTO_IPV6, raw::IPV6_FREEBIND) => Flags::FREE_BIND,
            (IPPROTO_IP, raw::IP_BIND_ADDRESS_NO_PORT) => Flags::BIND_NO_PORT,
            (IPPROTO_IP, raw::IP_RECVERR) => Flags::RECEIVE_ERRORS,
            (IPPROTO_IP, raw::IP_MULTICAST_LOOP) => Flags::MULTICAST_LOOP,
            (IPPROTO_IP, raw::IP_TRANSPARENT) | (IPPROTO_IPV6, raw::IPV6_TRANSPARENT) => Flags::TRANSPARENT,
            (IPPROTO_IPV6, raw::IPV6_V6ONLY) => Flags::V6_ONLY,
            (IPPROTO_IPV6, raw::IPV6_RECVPKTINFO) => Flags::PACKET_INFO_V6,
            (IPPROTO_IPV6, raw::IPV6_RECVHOPLIMIT) => Flags::RECEIVE_HOPS_V6,
            (IPPROTO_IPV6, raw::IPV6_RECVTCLASS) => Flags::RECEIVE_CLASS_V6,
            (IPPROTO_IPV6, raw::IPV6_RECVERR) => Flags::RECEIVE_ERRORS_V6,
            (IPPROTO_IPV6, raw::IPV6_MULTICAST_LOOP) => Flags::MULTICAST_LOOP_V6,
            _ => return None,
        })
    }

    /// `getsockopt(2)` of the levels `IPPROTO_IP` and `IPPROTO_IPV6`; `mtu` is that of the way to the peer, if there is one.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT`; `EOPNOTSUPP` for IPv6's of an IPv4 socket; `ENOTCONN`.
    pub(super) fn get_option(
        &self,
        level: u32,
        name: u32,
        mtu: impl FnOnce() -> Option<usize>,
    ) -> Result<Value> {
        self.check_level(level).map_err(|_| Errno::EOPNOTSUPP)?;
        if let Some(flag) = self.flag_of(level, name) {
            return Ok(Value::flag(self.flags.contains(flag)));
        }
        Ok(Value::Int(match (level, name) {
            (IPPROTO_IP, raw::IP_TTL) => i32::from(self.ttl),
            (IPPROTO_IP, raw::IP_TOS) => i32::from(self.tos),
            (IPPROTO_IP, raw::IP_MTU_DISCOVER) => self.discover,
            (IPPROTO_IP, raw::IP_MULTICAST_TTL) => i32::from(self.multicast_ttl),
            (IPPROTO_IPV6, raw::IPV6_UNICAST_HOPS) => i32::from(self.hops_v6),
            (IPPROTO_IPV6, raw::IPV6_MULTICAST_HOPS) => i32::from(self.multicast_hops_v6),
            (IPPROTO_IPV6, raw::IPV6_TCLASS) => i32::from(self.class_v6),
            (IPPROTO_IPV6, raw::IPV6_MTU_DISCOVER) => self.discover_v6,
            (IPPROTO_IPV6, raw::IPV6_MULTICAST_IF | raw::IPV6_DONTFRAG) => 0,
            (IPPROTO_IP, raw::IP_MULTICAST_IF) => 0,
            (IPPROTO_IP, raw::IP_MTU) | (IPPROTO_IPV6, raw::IPV6_MTU) => {
                return mtu().map(|mtu| Value::Int(mtu as i32)).ok_or(Errno::ENOTCONN);
            }
            (IPPROTO_IPV6, raw::IPV6_AUTOFLOWLABEL) => 1,
            _ => return Err(Errno::ENOPROTOOPT),
        }))
    }

    /// `setsockopt(2)` of these levels; `bound` if the socket has a local port already.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT`, `EINVAL`; `ENODEV` for a multicast group, of which no link is a member.
    pub(super) fn set_option(&mut self, level: u32, name: u32, value: &[u8], bound: bool) -> Result<()> {
        self.check_level(level)?;
        let value = if level == IPPROTO_IP {
            options::int_or_byte(value)?
        } else {
            options::int(value)?
        };
        if let Some(flag) = self.flag_of(level, name) {
            if flag == Flags::V6_ONLY && bound {
                return Err(Errno::EINVAL);
            }
            self.flags.set(flag, value != 0);
            return Ok(());
        }
        // -1 is the default.
        let byte = |default: u8, least: i32| match value {
            -1 => Ok(default),
            _ if value < least => Err(Errno::EINVAL),
            _ => u8::try_from(value).map_err(|_| Errno::EINVAL),
        };
        match (level, name) {
            (IPPROTO_IP, raw::IP_TTL) => self.ttl = byte(HOP_LIMIT, 1)?,
            // The two lowest bits are the network's (RFC 3168).
            (IPPROTO_IP, raw::IP_TOS) => self.tos = value as u8 & !3,
            (IPPROTO_IP, raw::IP_MULTICAST_TTL) => self.multicast_ttl = byte(1, 0)?,
            (IPPROTO_IPV6, raw::IPV6_UNICAST_HOPS) => self.hops_v6 = byte(HOP_LIMIT, 0)?,
            (IPPROTO_IPV6, raw::IPV6_MULTICAST_HOPS) => self.multicast_hops_v6 = byte(1, 0)?,
            (IPPROTO_IPV6, raw::IPV6_TCLASS) => self.class_v6 = byte(0, 0)?,
            (IPPROTO_IP, raw::IP_MTU_DISCOVER) if (0..=5).contains(&value) => self.discover = value,
            (IPPROTO_IPV6, raw::IPV6_MTU_DISCOVER) if (0..=5).contains(&value) => self.discover_v6 = value,
            (IPPROTO_IP, raw::IP_MTU_DISCOVER) | (IPPROTO_IPV6, raw::IPV6_MTU_DISCOVER) => {
                return Err(Errno::EINVAL);
            }
            (IPPROTO_IP, raw::IP_ADD_MEMBERSHIP) | (IPPROTO_IPV6, raw::IPV6_ADD_MEMBERSHIP) => {
                return Err(Errno::ENODEV);
            }
            (IPPROTO_IP, raw::IP_MULTICAST_IF)
            | (IPPROTO_IPV6, raw::IPV6_MULTICAST_IF | raw::IPV6_DONTFRAG | raw::IPV6_AUTOFLOWLABEL) => {}
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn check_level(&self, level: u32) -> Result<()> {
        match level {
            IPPROTO_IP => Ok(()),
            IPPROTO_IPV6 if self.family == raw::AF_INET6 => Ok(()),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    /// What a program asked to be told about each datagram, in Linux's order.
    pub(super) fn about(&self, about: &About, timestamp: Timestamp) -> Vec<Ancillary> {
        let mut all = Vec::new();
        all.extend(timestamp.message(about.at));
        let (hops, class) = (i32::from(about.hop_limit), i32::from(about.traffic_class));
        match about.to {
            IpAddr::V4(to) => {
                if self.flags.contains(Flags::PACKET_INFO) {
                    let mut data = index_of_link(about.link).to_ne_bytes().to_vec();
                    data.extend_from_slice(&to.octets());
                    data.extend_from_slice(&to.octets());
                    all.push(other(IPPROTO_IP, raw::IP_PKTINFO, data));
                }
                if self.flags.contains(Flags::RECEIVE_TTL) {
                    all.push(Ancillary::int(IPPROTO_IP, raw::IP_TTL, hops));
                }
                if self.flags.contains(Flags::RECEIVE_TOS) {
                    let data = [about.traffic_class].to_vec();
                    all.push(other(IPPROTO_IP, raw::IP_TOS, data));
                }
                if self.flags.contains(Flags::PACKET_INFO_V6) {
                    all.push(packet_info_v6(to.to_ipv6_mapped(), about.link));
                }
            }
            IpAddr::V6(to) => {
                if self.flags.contains(Flags::PACKET_INFO_V6) {
                    all.push(packet_info_v6(to, about.link));
                }
                if self.flags.contains(Flags::RECEIVE_HOPS_V6) {
                    all.push(Ancillary::int(IPPROTO_IPV6, raw::IPV6_HOPLIMIT, hops));
                }
                if self.flags.contains(Flags::RECEIVE_CLASS_V6) {
                    all.push(Ancillary::int(IPPROTO_IPV6, raw::IPV6_TCLASS, class));
                }
            }
        }
        all
    }

    /// What a program asks of a datagram: which address of ours it comes from, and its hop limit.
    ///
    /// # Errors
    ///
    /// `EINVAL` for what is malformed or not known.
    pub(super) fn wishes(&self, control: &[Ancillary]) -> Result<(Option<IpAddr>, Option<u8>)> {
        let (mut from, mut hop_limit) = (None, None);
        for message in control {
            let Ancillary::Other { level, kind, data } = message else {
                continue;
            };
            match (*level, *kind) {
                (IPPROTO_IP, raw::IP_PKTINFO) => {
                    let data: &[u8; PACKET_INFO_V4] = data[..].try_into().map_err(|_| Errno::EINVAL)?;
                    let source = Ipv4Addr::new(data[4], data[5], data[6], data[7]);
                    from = (!source.is_unspecified()).then_some(IpAddr::V4(source));
                }
                (IPPROTO_IP, raw::IP_TTL) => match options::int(data)? {
                    ttl @ 1..=255 => hop_limit = Some(ttl as u8),
                    _ => return Err(Errno::EINVAL),
                },
                (IPPROTO_IP, raw::IP_TOS) => {
                    options::int_or_byte(data)?;
                }
                (IPPROTO_IP, _) => return Err(Errno::EINVAL),
                (IPPROTO_IPV6, raw::IPV6_PKTINFO) => {
                    let data: &[u8; PACKET_INFO_V6] = data[..].try_into().map_err(|_| Errno::EINVAL)?;
                    let source: [u8; 16] = *data.first_chunk().ok_or(Errno::EINVAL)?;
                    let source = Ipv6Addr::from(source);
                    let mapped = source.to_ipv4_mapped().map(IpAddr::V4);
                    from = (!source.is_unspecified()).then_some(mapped.unwrap_or(source.into()));
                }
                (IPPROTO_IPV6, raw::IPV6_HOPLIMIT) => match options::int(data)? {
                    -1 => {}
                    hops @ 0..=255 => hop_limit = Some(hops as u8),
                    _ => return Err(Errno::EINVAL),
                },
                (IPPROTO_IPV6, raw::IPV6_TCLASS) => {
                    options::int(data)?;
                }
                (IPPROTO_IPV6, _) => return Err(Errno::EINVAL),
                _ => {}
            }
        }
        Ok((from, hop_limit))
    }
}

fn other(level: u32, kind: u32, data: Vec<u8>) -> Ancillary {
    Ancillary::Other { level, kind, data }
}

fn packet_info_v6(to: Ipv6Addr, link: usize) -> Ancillary {
    let mut data = to.octets().to_vec();
    data.extend_from_slice(&index_of_link(link).to_ne_bytes());
    other(IPPROTO_IPV6, raw::IPV6_PKTINFO, data)
}
