//! Interface requests of `netdevice(7)`, as far as programs ask a socket about `lo` and `eth0`.

use super::{stack::ETHERNET, with_stack};
use crate::{
    errno::{Errno, Result},
    user::{UserPtr, UserSlice},
};
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddrV4};
use linux_raw_sys::ioctl;

use super::address::Address;

/// Length of an interface name field.
const NAME: usize = 16;
/// Length of a `struct ifreq`.
const REQUEST: usize = 40;
/// `SIOCGIFINDEX` (`bits/ioctls.h`).
const SIOCGIFINDEX: u32 = 0x8933;
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

struct Interface {
    name: &'static str,
    address: Ipv4Addr,
    prefix_len: u8,
    mtu: i32,
    mac: [u8; 6],
}

fn interfaces() -> Vec<Interface> {
    let mut all = Vec::new();
    all.push(Interface {
        name: "lo",
        address: Ipv4Addr::LOCALHOST,
        prefix_len: 8,
        mtu: 65_536,
        mac: [0; 6],
    });
    with_stack(|stack| {
        let configured = stack.ethernet;
        if let Some(device) = stack.links[ETHERNET].as_mut().and_then(|link| link.port.device()) {
            all.push(Interface {
                name: "eth0",
                address: configured.map_or(Ipv4Addr::UNSPECIFIED, |ethernet| ethernet.address),
                prefix_len: configured.map_or(0, |ethernet| ethernet.prefix_len),
                mtu: device.mtu() as i32,
                mac: device.mac(),
            });
        }
    });
    all
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
        | SIOCGIFINDEX => {
            let bytes = UserSlice::new(argument, REQUEST).bytes_mut()?;
            let name = bytes[..NAME]
                .split(|&byte| byte == 0)
                .next()
                .unwrap_or_default()
                .to_vec();
            let all = interfaces();
            let index = all
                .iter()
                .position(|interface| interface.name.as_bytes() == name)
                .ok_or(Errno::ENODEV)?;
            let answer = answer(request, index, &all[index]);
            bytes[NAME..NAME + answer.len()].copy_from_slice(&answer);
            Ok(0)
        }
        _ => Err(Errno::ENOTTY),
    }
}

fn answer(request: u32, index: usize, interface: &Interface) -> Vec<u8> {
    match request {
        ioctl::SIOCGIFADDR => socket_address(interface.address),
        ioctl::SIOCGIFNETMASK => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(interface.prefix_len))
                .unwrap_or(0);
            socket_address(Ipv4Addr::from(mask))
        }
        ioctl::SIOCGIFFLAGS => FLAGS[index.min(1)].to_ne_bytes().to_vec(),
        ioctl::SIOCGIFMTU => interface.mtu.to_ne_bytes().to_vec(),
        SIOCGIFINDEX => (index as i32 + 1).to_ne_bytes().to_vec(),
        // `ARPHRD_LOOPBACK` or `ARPHRD_ETHER`, then the address.
        _ => {
            let kind: u16 = if index == 0 { 772 } else { 1 };
            let mut bytes = kind.to_ne_bytes().to_vec();
            bytes.extend_from_slice(&interface.mac);
            bytes
        }
    }
}

/// `struct ifconf`: an `int` length and a pointer to `struct ifreq`s; a null pointer asks for the length only.
fn configuration(argument: u64) -> Result<usize> {
    let (length, list) = (
        UserPtr::<i32>::new(argument),
        UserPtr::<u64>::new(argument.wrapping_add(8)),
    );
    let (room, at) = (usize::try_from(length.read()?).unwrap_or(0), list.read()?);
    let mut out = Vec::new();
    for interface in interfaces()
        .iter()
        .filter(|interface| !interface.address.is_unspecified())
    {
        let start = out.len();
        out.extend_from_slice(interface.name.as_bytes());
        out.resize(start + NAME, 0);
        out.extend_from_slice(&socket_address(interface.address));
        out.resize(start + REQUEST, 0);
    }
    if at != 0 {
        out.truncate(room / REQUEST * REQUEST);
        UserSlice::new(at, out.len()).bytes_mut()?.copy_from_slice(&out);
    }
    length.write(out.len() as i32)?;
    Ok(0)
}
