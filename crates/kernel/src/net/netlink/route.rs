//! What `rtnetlink(7)` tells: links, addresses, routes.

use super::message::{Request, attribute, body, find};
use crate::{
    errno::{Errno, Result},
    net::interface::{self, Interface, QUEUE_LEN},
};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use linux_raw_sys::net as raw;

const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
const RTM_GETNEIGH: u16 = 30;
const RTM_GETRULE: u16 = 34;

/// Attributes (`linux/if_link.h`, `linux/if_addr.h`, `linux/rtnetlink.h`).
mod attr {
    pub(super) const IFLA_ADDRESS: u16 = 1;
    pub(super) const IFLA_BROADCAST: u16 = 2;
    pub(super) const IFLA_IFNAME: u16 = 3;
    pub(super) const IFLA_MTU: u16 = 4;
    pub(super) const IFLA_STATS: u16 = 7;
    pub(super) const IFLA_TXQLEN: u16 = 13;
    pub(super) const IFLA_OPERSTATE: u16 = 16;
    pub(super) const IFLA_LINKMODE: u16 = 17;
    pub(super) const IFLA_STATS64: u16 = 23;
    pub(super) const IFA_ADDRESS: u16 = 1;
    pub(super) const IFA_LOCAL: u16 = 2;
    pub(super) const IFA_LABEL: u16 = 3;
    pub(super) const IFA_BROADCAST: u16 = 4;
    pub(super) const IFA_CACHEINFO: u16 = 6;
    pub(super) const IFA_FLAGS: u16 = 8;
    pub(super) const RTA_DST: u16 = 1;
    pub(super) const RTA_OIF: u16 = 4;
    pub(super) const RTA_GATEWAY: u16 = 5;
    pub(super) const RTA_PREFSRC: u16 = 7;
    pub(super) const RTA_TABLE: u16 = 15;
}

/// Length of a `struct ifinfomsg`.
const LINK_HEADER: usize = 16;
/// `IFF_LOWER_UP`, which does not fit into the flags of `netdevice(7)`.
const LOWER_UP: u32 = 0x1_0000;
/// `IF_OPER_UNKNOWN`, which loopback says, and `IF_OPER_UP`.
const OPERATIONAL: [u8; 2] = [0, 6];
/// `IFA_F_PERMANENT`.
const PERMANENT: u32 = 0x80;
/// Scopes (`rtnetlink(7)`): everywhere, this link, this host.
const SCOPE_UNIVERSE: u8 = 0;
const SCOPE_LINK: u8 = 253;
const SCOPE_HOST: u8 = 254;
/// `RT_TABLE_MAIN`, `RTPROT_KERNEL`, `RTPROT_BOOT`, `RTN_UNICAST`.
const TABLE_MAIN: u8 = 254;
const BY_KERNEL: u8 = 2;
const BY_BOOT: u8 = 3;
const UNICAST: u8 = 1;

/// What a request asks for: the type of the answers, and their bodies.
///
/// # Errors
///
/// `EOPNOTSUPP` for what is not known or changes something, `ENODEV`, `EINVAL`.
pub(super) fn look_up(request: &Request<'_>) -> Result<Option<(u16, Vec<Vec<u8>>)>> {
    let family = u32::from(request.body().first().copied().unwrap_or(0));
    match request.kind {
        RTM_GETLINK if request.is_dump() => {
            let all = interface::interfaces();
            Ok(Some((RTM_NEWLINK, all.iter().map(link).collect())))
        }
        RTM_GETLINK => Ok(Some((RTM_NEWLINK, one_link(request.body())?))),
        RTM_GETADDR if request.is_dump() => Ok(Some((RTM_NEWADDR, addresses(family)))),
        RTM_GETROUTE if request.is_dump() => Ok(Some((RTM_NEWROUTE, routes(family)))),
        // The stack's own table of neighbours is nobody's business; there are no rules.
        RTM_GETNEIGH | RTM_GETRULE if request.is_dump() => Ok(Some((request.kind, Vec::new()))),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

/// The link that a `struct ifinfomsg` and its attributes name.
fn one_link(body: &[u8]) -> Result<Vec<Vec<u8>>> {
    let header = body.first_chunk::<LINK_HEADER>().ok_or(Errno::EINVAL)?;
    let index = u32::from_ne_bytes([header[4], header[5], header[6], header[7]]);
    let name = find(&body[LINK_HEADER..], attr::IFLA_IFNAME);
    let name = name.map(|name| name.split(|&byte| byte == 0).next().unwrap_or_default());
    if index == 0 && name.is_none() {
        return Err(Errno::EINVAL);
    }
    let all = interface::interfaces();
    let found = all.iter().find(|interface| match name {
        Some(name) if index == 0 => interface.name.as_bytes() == name,
        _ => interface.index == index,
    });
    Ok([link(found.ok_or(Errno::ENODEV)?)].into())
}

fn name_bytes(interface: &Interface) -> Vec<u8> {
    let mut name = interface.name.as_bytes().to_vec();
    name.push(0);
    name
}

/// `struct ifinfomsg` with its attributes.
fn link(interface: &Interface) -> Vec<u8> {
    let flags = u32::from(interface.flags() as u16) | LOWER_UP;
    let mut out = body(&[u32::from(interface.kind()) << 16, interface.index, flags, 0]);
    let broadcast = if interface.is_loopback() {
        [0; 6]
    } else {
        [0xff; 6]
    };
    let operational = OPERATIONAL[usize::from(!interface.is_loopback())];
    attribute(&mut out, attr::IFLA_IFNAME, &name_bytes(interface));
    attribute(&mut out, attr::IFLA_TXQLEN, &QUEUE_LEN.to_ne_bytes());
    attribute(&mut out, attr::IFLA_OPERSTATE, &[operational]);
    attribute(&mut out, attr::IFLA_LINKMODE, &[0]);
    attribute(&mut out, attr::IFLA_MTU, &interface.mtu.to_ne_bytes());
    attribute(&mut out, attr::IFLA_ADDRESS, &interface.mac);
    attribute(&mut out, attr::IFLA_BROADCAST, &broadcast);
    // `struct rtnl_link_stats64` and `struct rtnl_link_stats` begin with packets and bytes of both directions.
    let passed = interface.counters;
    let counts = [
        passed.received,
        passed.sent,
        passed.received_bytes,
        passed.sent_bytes,
    ];
    let mut long: Vec<u8> = counts.iter().flat_map(|count| count.to_ne_bytes()).collect();
    long.resize(24 * 8, 0);
    attribute(&mut out, attr::IFLA_STATS64, &long);
    let mut short: Vec<u8> = counts
        .iter()
        .flat_map(|&count| (count as u32).to_ne_bytes())
        .collect();
    short.resize(24 * 4, 0);
    attribute(&mut out, attr::IFLA_STATS, &short);
    out
}

/// True if a dump for `wanted` (0 is all) has that family in it.
fn has(wanted: u32, family: u32) -> bool {
    wanted == 0 || wanted == family
}

/// `struct ifaddrmsg`s with their attributes, IPv4 first.
fn addresses(family: u32) -> Vec<Vec<u8>> {
    let all = interface::interfaces();
    let mut out = Vec::new();
    if has(family, raw::AF_INET) {
        out.extend(all.iter().filter_map(address_v4));
    }
    if has(family, raw::AF_INET6) {
        for interface in &all {
            let own = interface.v6.iter();
            out.extend(own.map(|&(address, prefix_len)| address_v6(interface, address, prefix_len)));
        }
    }
    out
}

fn address_header(interface: &Interface, family: u32, prefix_len: u8, scope: u8) -> Vec<u8> {
    let mut out = [family as u8, prefix_len, PERMANENT as u8, scope].to_vec();
    out.extend_from_slice(&interface.index.to_ne_bytes());
    out
}

/// `IFA_FLAGS`, and `struct ifa_cacheinfo`: valid for ever.
fn address_end(out: &mut Vec<u8>) {
    attribute(out, attr::IFA_FLAGS, &PERMANENT.to_ne_bytes());
    let lifetimes = body(&[u32::MAX, u32::MAX, 0, 0]);
    attribute(out, attr::IFA_CACHEINFO, &lifetimes);
}

fn address_v4(interface: &Interface) -> Option<Vec<u8>> {
    let (address, prefix_len) = interface.v4?;
    let scope = if interface.is_loopback() {
        SCOPE_HOST
    } else {
        SCOPE_UNIVERSE
    };
    let mut out = address_header(interface, raw::AF_INET, prefix_len, scope);
    attribute(&mut out, attr::IFA_ADDRESS, &address.octets());
    attribute(&mut out, attr::IFA_LOCAL, &address.octets());
    if let Some(broadcast) = interface.broadcast() {
        attribute(&mut out, attr::IFA_BROADCAST, &broadcast.octets());
    }
    attribute(&mut out, attr::IFA_LABEL, &name_bytes(interface));
    address_end(&mut out);
    Some(out)
}

fn address_v6(interface: &Interface, address: Ipv6Addr, prefix_len: u8) -> Vec<u8> {
    let scope = match address {
        Ipv6Addr::LOCALHOST => SCOPE_HOST,
        address if address.is_unicast_link_local() => SCOPE_LINK,
        _ => SCOPE_UNIVERSE,
    };
    let mut out = address_header(interface, raw::AF_INET6, prefix_len, scope);
    attribute(&mut out, attr::IFA_ADDRESS, &address.octets());
    address_end(&mut out);
    out
}

/// A route: its target network, its gateway or our address in the network, and who made it.
struct Route {
    target: Option<(IpAddr, u8)>,
    gateway: Option<IpAddr>,
    source: Option<IpAddr>,
}

/// `struct rtmsg`s of the card's networks and the default gateways.
fn routes(family: u32) -> Vec<Vec<u8>> {
    let (gateway_v4, gateway_v6) = interface::gateways();
    let all = interface::interfaces();
    let Some(card) = all.iter().find(|interface| !interface.is_loopback()) else {
        return Vec::new();
    };
    let default = |gateway: IpAddr| Route {
        target: None,
        gateway: Some(gateway),
        source: None,
    };
    let mut out = Vec::new();
    if has(family, raw::AF_INET) {
        out.extend(gateway_v4.map(|gateway| route(card, raw::AF_INET, &default(gateway.into()))));
        if let Some((address, prefix_len)) = card.v4 {
            let network = Ipv4Addr::from(u32::from(address) & interface::mask(prefix_len));
            let connected = Route {
                target: Some((network.into(), prefix_len)),
                gateway: None,
                source: Some(address.into()),
            };
            out.push(route(card, raw::AF_INET, &connected));
        }
    }
    if has(family, raw::AF_INET6) {
        for &(address, prefix_len) in &card.v6 {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix_len)).unwrap_or(0);
            let network = Ipv6Addr::from_bits(address.to_bits() & mask);
            let connected = Route {
                target: Some((network.into(), prefix_len)),
                gateway: None,
                source: None,
            };
            out.push(route(card, raw::AF_INET6, &connected));
        }
        out.extend(gateway_v6.map(|gateway| route(card, raw::AF_INET6, &default(gateway.into()))));
    }
    out
}

fn route(interface: &Interface, family: u32, route: &Route) -> Vec<u8> {
    let prefix_len = route.target.map_or(0, |(_, prefix_len)| prefix_len);
    let protocol = if route.gateway.is_some() {
        BY_BOOT
    } else {
        BY_KERNEL
    };
    let scope = if route.gateway.is_some() || family == raw::AF_INET6 {
        SCOPE_UNIVERSE
    } else {
        SCOPE_LINK
    };
    let mut out = [
        family as u8,
        prefix_len,
        0,
        0,
        TABLE_MAIN,
        protocol,
        scope,
        UNICAST,
    ]
    .to_vec();
    out.extend_from_slice(&0u32.to_ne_bytes());
    let mut put = |kind, address: Option<IpAddr>| match address {
        Some(IpAddr::V4(address)) => attribute(&mut out, kind, &address.octets()),
        Some(IpAddr::V6(address)) => attribute(&mut out, kind, &address.octets()),
        None => {}
    };
    put(attr::RTA_DST, route.target.map(|(address, _)| address));
    put(attr::RTA_GATEWAY, route.gateway);
    put(attr::RTA_PREFSRC, route.source);
    attribute(&mut out, attr::RTA_OIF, &interface.index.to_ne_bytes());
    attribute(&mut out, attr::RTA_TABLE, &u32::from(TABLE_MAIN).to_ne_bytes());
    out
}
