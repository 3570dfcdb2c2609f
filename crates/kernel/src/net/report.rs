//! What `/proc/net` tells (`proc_net(5)`), in the forms that runtimes and `getifaddrs`-like code take apart.

use super::{
    interface::{self, Interface},
    socket::Socket,
    stack::{ETHERNET, Listed},
    with_stack,
};
use crate::{file::OpenFile, process::process};
use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

/// Linux fills rows of these tables with blanks.
const TCP_ROW: usize = 149;
const UDP_ROW: usize = 127;
const ROUTE_ROW: usize = 127;

/// An address with its port as hexadecimal numbers: words in the host's order, the port as it is read.
fn hex(address: SocketAddr) -> String {
    let mut out = String::new();
    let mut words = |octets: &[u8]| {
        for word in octets.chunks_exact(4) {
            let _ = write!(
                out,
                "{:08X}",
                u32::from_ne_bytes([word[0], word[1], word[2], word[3]])
            );
        }
    };
    match address.ip() {
        IpAddr::V4(ip) => words(&ip.octets()),
        IpAddr::V6(ip) => words(&ip.octets()),
    }
    let _ = write!(out, ":{:04X}", address.port());
    out
}

/// `to` in the family of the table: an IPv6 table has IPv4 peers of dual sockets as v4-mapped addresses.
fn in_family(address: SocketAddr, v6: bool) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if v6 && ip.is_unspecified() => {
            SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), address.port())
        }
        IpAddr::V4(ip) if v6 => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        _ => address,
    }
}

fn row(out: &mut String, number: usize, entry: &Listed, v6: bool, end: &str, width: usize) {
    let any = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let local = hex(in_family(entry.local, v6));
    let remote = hex(in_family(entry.remote.unwrap_or(any), v6));
    let line = format!(
        "{number:4}: {local} {remote} {:02X} {:08X}:{:08X} 00:00000000 00000000     0        0 0 {end}",
        entry.state, entry.send_queue, entry.receive_queue
    );
    let width = if v6 { 0 } else { width };
    let _ = writeln!(out, "{line:<width$}");
}

/// `/proc/net/tcp`, and `tcp6` with `v6`.
#[must_use]
pub fn tcp(v6: bool) -> Vec<u8> {
    let mut out = if v6 {
        "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n".into()
    } else {
        format!(
            "{:<TCP_ROW$}\n",
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
        )
    };
    let all = with_stack(|stack| stack.list_tcp());
    for (number, entry) in all.iter().filter(|entry| entry.v6 == v6).enumerate() {
        row(
            &mut out,
            number,
            entry,
            v6,
            "1 0000000000000000 100 0 0 10 0",
            TCP_ROW,
        );
    }
    out.into_bytes()
}

/// `/proc/net/udp`, and `udp6` with `v6`.
#[must_use]
pub fn udp(v6: bool) -> Vec<u8> {
    let mut out = if v6 {
        "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n".into()
    } else {
        format!(
            "{:<UDP_ROW$}\n",
            "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops"
        )
    };
    let all = with_stack(|stack| stack.list_udp());
    for (number, entry) in all.iter().filter(|entry| entry.v6 == v6).enumerate() {
        row(&mut out, number, entry, v6, "2 0000000000000000 0", UDP_ROW);
    }
    out.into_bytes()
}

/// `/proc/net/unix`: the sockets that have a descriptor.
#[must_use]
pub fn unix() -> Vec<u8> {
    let open: Vec<_> = {
        let files = process().files.lock();
        files
            .iter()
            .map(|(_, descriptor)| descriptor.open.clone())
            .collect()
    };
    let row = |open: &Arc<OpenFile>| open.file.as_any().downcast_ref::<Socket>()?.unix_row();
    let mut rows: Vec<_> = open.iter().filter_map(row).collect();
    rows.sort_by_key(|row| row.number);
    // A description with several descriptors is one socket.
    rows.dedup_by_key(|row| row.number);
    let mut out = b"Num       RefCount Protocol Flags    Type St Inode Path\n".to_vec();
    for row in rows {
        // `__SO_ACCEPTCON`; `SS_CONNECTED`, `SS_UNCONNECTED`.
        let flags = if row.listens { 0x10000 } else { 0 };
        let state = if row.connected { 3 } else { 1 };
        let line = format!(
            "{:016x}: 00000002 00000000 {flags:08X} {:04X} {state:02X} {:5}",
            0, row.kind, row.number
        );
        out.extend(line.bytes());
        if !row.name.is_empty() {
            out.push(b' ');
            out.extend(row.name.iter().map(|&byte| if byte == 0 { b'@' } else { byte }));
        }
        out.push(b'\n');
    }
    out
}

/// `/proc/net/dev`.
#[must_use]
pub fn dev() -> Vec<u8> {
    let mut out = String::from(
        "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
    );
    for Interface { name, counters, .. } in interface::interfaces() {
        let _ = writeln!(
            out,
            "{name:>6}: {:7} {:7}    0    0    0     0          0         0 {:8} {:7}    0    0    0     0       0          0",
            counters.received_bytes, counters.received, counters.sent_bytes, counters.sent
        );
    }
    out.into_bytes()
}

/// `/proc/net/if_inet6`.
#[must_use]
pub fn if_inet6() -> Vec<u8> {
    let mut out = String::new();
    for interface in interface::interfaces() {
        for &(address, prefix_len) in &interface.v6 {
            // `IPV6_ADDR_LOOPBACK`, `IPV6_ADDR_LINKLOCAL`; `IFA_F_PERMANENT`.
            let scope = match address {
                Ipv6Addr::LOCALHOST => 0x10,
                address if address.is_unicast_link_local() => 0x20,
                _ => 0,
            };
            let _ = writeln!(
                out,
                "{:032x} {:02x} {prefix_len:02x} {scope:02x} 80 {:>8}",
                address.to_bits(),
                interface.index,
                interface.name
            );
        }
    }
    out.into_bytes()
}

/// `/proc/net/route`.
#[must_use]
pub fn route() -> Vec<u8> {
    let word = |address: u32| u32::from_ne_bytes(address.to_be_bytes());
    let mut out = format!(
        "{:<ROUTE_ROW$}\n",
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"
    );
    let mut row = |target: u32, gateway: u32, flags: u32, mask: u32| {
        let line = format!(
            "eth0\t{:08X}\t{:08X}\t{flags:04X}\t0\t0\t0\t{:08X}\t0\t0\t0",
            word(target),
            word(gateway),
            word(mask)
        );
        let _ = writeln!(out, "{line:<ROUTE_ROW$}");
    };
    // `RTF_UP | RTF_GATEWAY`, and `RTF_UP`.
    if let Some(gateway) = interface::gateways().0 {
        row(0, u32::from(gateway), 3, 0);
    }
    let configured = with_stack(|stack| stack.ethernet.filter(|_| stack.links[ETHERNET].is_some()));
    if let Some(own) = configured {
        let mask = interface::mask(own.prefix_len);
        row(u32::from(own.address) & mask, 0, 1, mask);
    }
    out.into_bytes()
}
