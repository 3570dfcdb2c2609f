//! Interface requests of `netdevice(7)`, as far as programs ask a socket about `lo` and `eth0`.

use super::{
    link::Counters,
    stack::{ETHERNET, LOOPBACK, Stack},
    with_stack,
};
use crate::{
    errno::{Errno, Result},
    user::{UserPtr, UserSlice},
};
use alloc::{vec, vec::Vec};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};
use linux_raw_sys::ioctl;

use super::address::Address;

/// Length of an interface name field.
const NAME: usize = 16;
/// Length of a `struct ifreq`.
const REQUEST: usize = 40;
/// `SIOCGIFNAME`, `SIOCGIFINDEX` and `SIOCGIFTXQLEN` (`bits/ioctls.h`).
const SIOCGIFNAME: u32 = 0x8910;
const SIOCGIFINDEX: u32 = 0x8933;
const SIOCGIFTXQLEN: u32 = 0x8942;
/// What Linux says of every interface's transmit queue.
pub(super) const QUEUE_LEN: u32 = 1000;
/// `IFF_UP | IFF_RUNNING`, with `IFF_LOOPBACK` or `IFF_BROADCAST | IFF_MULTICAST`.
const FLAGS: [i16; 2] = [0x1 | 0x40 | 0x8, 0x1 | 0x40 | 0x2 | 0x1000];

/// Interface index of the card, `eth0`; loopback has 1.
pub(super) const ETHERNET_INDEX: u32 = 2;

/// The interface index of a link.
pub(super) fn index_of_link(link: usize) -> u32 {
    if link == ETHERNET { ETHERNET_INDEX } else { 1 }
}

/// `SO_BINDTODEVICE` (`socket(7)`): a packet finds its one way without, so only the name is looked at.
///
/// # Errors
///
/// `ENODEV` if there is no such interface.
pub(super) fn bind_to_device(name: &[u8]) -> Result<()> {
    let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
    if name.is_empty()
        || interfaces()
            .iter()
            .any(|interface| interface.name.as_bytes() == name)
    {
        Ok(())
    } else {
        Err(Errno::ENODEV)
    }
}

/// An interface, as the program is told of it.
pub(super) struct Interface {
    pub(super) name: &'static str,
    /// 1 and up.
    pub(super) index: u32,
    pub(super) mtu: u32,
    pub(super) mac: [u8; 6],
    /// Address and prefix length.
    pub(super) v4: Option<(Ipv4Addr, u8)>,
    pub(super) v6: Vec<(Ipv6Addr, u8)>,
    pub(super) counters: Counters,
}

impl Interface {
    pub(super) fn is_loopback(&self) -> bool {
        self.index != ETHERNET_INDEX
    }

    /// `IFF_*` (`netdevice(7)`).
    pub(super) fn flags(&self) -> i16 {
        FLAGS[usize::from(!self.is_loopback())]
    }

    /// `ARPHRD_LOOPBACK` or `ARPHRD_ETHER`.
    pub(super) fn kind(&self) -> u16 {
        if self.is_loopback() { 772 } else { 1 }
    }

    /// The broadcast address.
    pub(super) fn broadcast(&self) -> Option<Ipv4Addr> {
        let (address, prefix_len) = self.v4.filter(|_| !self.is_loopback())?;
        Some(Ipv4Addr::from(u32::from(address) | !mask(prefix_len)))
    }
}

/// The network mask of that many bits.
pub(super) fn mask(prefix_len: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix_len)).unwrap_or(0)
}

/// All interfaces.
pub(super) fn interfaces() -> Vec<Interface> {
    with_stack(|stack| {
        let counters = |stack: &Stack, link: usize| {
            let link: &Option<_> = &stack.links[link];
            link.as_ref()
                .map_or(Counters::default(), |link| link.port.counters)
        };
        let mut all = Vec::new();
        all.push(Interface {
            name: "lo",
            index: 1,
            mtu: 65_536,
            mac: [0; 6],
            v4: Some((Ipv4Addr::LOCALHOST, 8)),
            v6: vec![(Ipv6Addr::LOCALHOST, 128)],
            counters: counters(stack, LOOPBACK),
        });
        let counters = counters(stack, ETHERNET);
        let v4 = stack.ethernet.map(|own| (own.address, own.prefix_len));
        let v6 = stack.own_v6.clone();
        if let Some(device) = stack.links[ETHERNET].as_mut().and_then(|link| link.port.device()) {
            all.push(Interface {
                name: "eth0",
                index: ETHERNET_INDEX,
                mtu: device.mtu() as u32,
                mac: device.mac(),
                v4,
                v6,
                counters,
            });
        }
        all
    })
}

/// The default routers.
pub(super) fn gateways() -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
    with_stack(|stack| {
        let v4 = stack.ethernet.and_then(|ethernet| ethernet.gateway);
        (v4, stack.gateway_v6)
    })
}

fn socket_address(address: Ipv4Addr) -> Vec<u8> {
    Address::Inet(SocketAddrV4::new(address, 0)).to_bytes()
}

/// Serves a request; `argument` is the address of a `struct ifreq` or `struct ifconf`.
///
/// # Errors
///
/// `ENOTTY` for other requests, `ENODEV`, `EFAULT`.
pub(super) fn ioctl(request: u32, argument: u64) -> Result<usize> {
    match request {
        ioctl::SIOCGIFCONF => configuration(argument),
        ioctl::SIOCGIFADDR
        | ioctl::SIOCGIFNETMASK
        | ioctl::SIOCGIFFLAGS
        | ioctl::SIOCGIFMTU
        | ioctl::SIOCGIFHWADDR
        | ioctl::SIOCGIFBRDADDR
        | ioctl::SIOCGIFMETRIC
        | SIOCGIFTXQLEN
        | SIOCGIFINDEX => {
            let bytes = UserSlice::new(argument, REQUEST).bytes_mut()?;
            let name = bytes[..NAME]
                .split(|&byte| byte == 0)
                .next()
                .unwrap_or_default()
                .to_vec();
            let all = interfaces();
            let interface = all
                .iter()
                .find(|interface| interface.name.as_bytes() == name)
                .ok_or(Errno::ENODEV)?;
            let answer = answer(request, interface)?;
            bytes[NAME..NAME + answer.len()].copy_from_slice(&answer);
            Ok(0)
        }
        SIOCGIFNAME => {
            let bytes = UserSlice::new(argument, REQUEST).bytes_mut()?;
            let wanted = u32::from_ne_bytes([bytes[NAME], bytes[NAME + 1], bytes[NAME + 2], bytes[NAME + 3]]);
            let all = interfaces();
            let interface = all
                .iter()
                .find(|interface| interface.index == wanted)
                .ok_or(Errno::ENODEV)?;
            bytes[..NAME].fill(0);
            bytes[..interface.name.len()].copy_from_slice(interface.name.as_bytes());
            Ok(0)
        }
        _ => Err(Errno::ENOTTY),
    }
}

fn answer(request: u32, interface: &Interface) -> Result<Vec<u8>> {
    let v4 = || interface.v4.ok_or(Errno::EADDRNOTAVAIL);
    Ok(match request {
        ioctl::SIOCGIFADDR => socket_address(v4()?.0),
        ioctl::SIOCGIFNETMASK => socket_address(Ipv4Addr::from(mask(v4()?.1))),
        ioctl::SIOCGIFBRDADDR => {
            v4()?;
            socket_address(interface.broadcast().unwrap_or(Ipv4Addr::UNSPECIFIED))
        }
        ioctl::SIOCGIFFLAGS => interface.flags().to_ne_bytes().to_vec(),
        ioctl::SIOCGIFMTU => interface.mtu.to_ne_bytes().to_vec(),
        ioctl::SIOCGIFMETRIC => 0u32.to_ne_bytes().to_vec(),
        SIOCGIFTXQLEN => QUEUE_LEN.to_ne_bytes().to_vec(),
        SIOCGIFINDEX => interface.index.to_ne_bytes().to_vec(),
        _ => {
            let mut bytes = interface.kind().to_ne_bytes().to_vec();
            bytes.extend_from_slice(&interface.mac);
            bytes
        }
    })
}

/// `struct ifconf`: an `int` length and a pointer to `struct ifreq`s; a null pointer asks for the length only.
fn configuration(argument: u64) -> Result<usize> {
    let (length, list) = (
        UserPtr::<i32>::new(argument),
        UserPtr::<u64>::new(argument.wrapping_add(8)),
    );
    let (room, at) = (usize::try_from(length.read()?).unwrap_or(0), list.read()?);
    let mut out = Vec::new();
    for interface in interfaces() {
        let Some((address, _)) = interface.v4 else {
            continue;
        };
        let start = out.len();
        out.extend_from_slice(interface.name.as_bytes());
        out.resize(start + NAME, 0);
        out.extend_from_slice(&socket_address(address));
        out.resize(start + REQUEST, 0);
    }
    if at != 0 {
        out.truncate(room / REQUEST * REQUEST);
        UserSlice::new(at, out.len()).bytes_mut()?.copy_from_slice(&out);
    }
    length.write(out.len() as i32)?;
    Ok(0)
}
