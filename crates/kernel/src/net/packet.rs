//! Looks at a received packet just enough to know whose it is.

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::Range,
};
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket,
};

use super::link::ETHERNET_HEADER;

/// Length of a UDP header (RFC 768).
const UDP_HEADER: usize = 8;

/// A connection's or datagram's two ends, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flow {
    /// Our end; first, so that all flows of a port are neighbours in a sorted map.
    pub(super) local_port: u16,
    /// Our address.
    pub(super) local: IpAddr,
    /// The other end.
    pub(super) remote: IpAddr,
    /// The other end's port.
    pub(super) remote_port: u16,
}

impl Flow {
    /// Puts two ends together.
    pub(super) fn new(local: SocketAddr, remote: SocketAddr) -> Self {
        Self {
            local_port: local.port(),
            local: local.ip(),
            remote: remote.ip(),
            remote_port: remote.port(),
        }
    }

    /// The lowest of a port's flows.
    pub(super) fn first_of_port(port: u16) -> Self {
        Self {
            local_port: port,
            local: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            remote: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            remote_port: 0,
        }
    }

    /// The highest of a port's flows.
    pub(super) fn last_of_port(port: u16) -> Self {
        Self {
            local_port: port,
            local: LAST,
            remote: LAST,
            remote_port: u16::MAX,
        }
    }

    /// Our end.
    pub(super) fn local(&self) -> SocketAddr {
        SocketAddr::new(self.local, self.local_port)
    }

    /// The other end.
    pub(super) fn remote(&self) -> SocketAddr {
        SocketAddr::new(self.remote, self.remote_port)
    }
}

/// Sorts behind all other addresses.
const LAST: IpAddr = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));

/// What of a UDP datagram its socket wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    /// Where its data is in the frame.
    pub(super) data: Range<usize>,
    /// Time to live, or hop limit.
    pub(super) hop_limit: u8,
    /// Type of service, or traffic class.
    pub(super) traffic_class: u8,
}

/// What of a TCP segment matters to find its socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    /// SYN without ACK: wants a new connection.
    pub(super) opens: bool,
    /// FIN is set.
    pub(super) fin: bool,
    /// RST is set.
    pub(super) rst: bool,
    /// PSH is set.
    pub(super) push: bool,
    /// Sequence number.
    pub(super) sequence: u32,
    /// Acknowledged number, where ACK is set.
    pub(super) acknowledged: Option<u32>,
    /// Sequence numbers that the segment takes, without SYN and FIN.
    pub(super) payload_len: u32,
}

/// A received packet, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A TCP segment.
    Tcp(Flow, Segment),
    /// A UDP datagram.
    Udp(Flow, Datagram),
    /// A fragment that is not the first; it belongs to where the first one went.
    Fragment {
        /// Source, target and identification.
        key: (Ipv4Addr, Ipv4Addr, u16),
    },
    /// The first fragment of a UDP datagram.
    FirstFragment {
        /// Source, target and identification.
        key: (Ipv4Addr, Ipv4Addr, u16),
        /// Whose it is.
        flow: Flow,
    },
    /// Nobody listens at the remote port of this UDP flow (ICMP port unreachable).
    Refused(Flow),
    /// ARP: a neighbour's address may be known now.
    Arp,
    /// Neighbour discovery (RFC 4861): likewise.
    Neighbour,
    /// Anything else; smoltcp's own business.
    Other,
}

/// Sorts an Ethernet frame (`ethernet`) or an IP packet; malformed ones are [`Kind::Other`], for smoltcp to drop.
pub(super) fn classify(bytes: &[u8], ethernet: bool) -> Kind {
    let kind = if ethernet {
        match EthernetFrame::new_checked(bytes).map(|frame| frame.ethertype()) {
            Ok(EthernetProtocol::Arp) => Some(Kind::Arp),
            Ok(EthernetProtocol::Ipv4) => ipv4(bytes, ETHERNET_HEADER),
            Ok(EthernetProtocol::Ipv6) => ipv6(bytes, ETHERNET_HEADER),
            _ => None,
        }
    } else if bytes.first().is_some_and(|first| first >> 4 == 6) {
        ipv6(bytes, 0)
    } else {
        ipv4(bytes, 0)
    };
    kind.unwrap_or(Kind::Other)
}

fn ipv4(frame: &[u8], start: usize) -> Option<Kind> {
    let packet = Ipv4Packet::new_checked(&frame[start..]).ok()?;
    let key = (packet.src_addr(), packet.dst_addr(), packet.ident());
    let ends = (IpAddr::V4(packet.dst_addr()), IpAddr::V4(packet.src_addr()));
    let payload = packet.payload();
    if packet.frag_offset() != 0 {
        return Some(Kind::Fragment { key });
    }
    match packet.next_header() {
        IpProtocol::Tcp => segment(ends, payload),
        IpProtocol::Udp if packet.more_frags() => {
            let ports = payload.get(..4)?;
            let flow = flow(
                ends,
                u16::from_be_bytes([ports[0], ports[1]]),
                u16::from_be_bytes([ports[2], ports[3]]),
            );
            Some(Kind::FirstFragment { key, flow })
        }
        IpProtocol::Udp => {
            let traffic_class = frame[start + 1];
            let at = start + usize::from(packet.header_len());
            datagram(ends, payload, at, (packet.hop_limit(), traffic_class))
        }
        IpProtocol::Icmp => refused(payload),
        _ => None,
    }
}

fn ipv6(frame: &[u8], start: usize) -> Option<Kind> {
    let packet = Ipv6Packet::new_checked(&frame[start..]).ok()?;
    let ends = (IpAddr::V6(packet.dst_addr()), IpAddr::V6(packet.src_addr()));
    let payload = packet.payload();
    match packet.next_header() {
        IpProtocol::Tcp => segment(ends, payload),
        IpProtocol::Udp => {
            let at = start + packet.header_len();
            datagram(ends, payload, at, (packet.hop_limit(), packet.traffic_class()))
        }
        IpProtocol::Icmpv6 => match payload.first()? {
            // Solicitation and advertisement (RFC 4861, 4.3 and 4.4).
            135 | 136 => Some(Kind::Neighbour),
            _ => refused_v6(payload),
        },
        _ => None,
    }
}

fn flow((local, remote): (IpAddr, IpAddr), source: u16, target: u16) -> Flow {
    Flow::new(SocketAddr::new(local, target), SocketAddr::new(remote, source))
}

fn segment(ends: (IpAddr, IpAddr), payload: &[u8]) -> Option<Kind> {
    let tcp = TcpPacket::new_checked(payload).ok()?;
    let segment = Segment {
        opens: tcp.syn() && !tcp.ack() && !tcp.rst(),
        fin: tcp.fin(),
        rst: tcp.rst(),
        push: tcp.psh(),
        sequence: tcp.seq_number().0 as u32,
        acknowledged: tcp.ack().then(|| tcp.ack_number().0 as u32),
        payload_len: (payload.len() - usize::from(tcp.header_len())) as u32,
    };
    Some(Kind::Tcp(flow(ends, tcp.src_port(), tcp.dst_port()), segment))
}

/// `at` is where the UDP header is in the frame.
fn datagram(
    ends: (IpAddr, IpAddr),
    payload: &[u8],
    at: usize,
    (hop_limit, traffic_class): (u8, u8),
) -> Option<Kind> {
    let udp = UdpPacket::new_checked(payload).ok()?;
    // Port 0 is nobody's (RFC 768: "unused").
    if udp.dst_port() == 0 {
        return None;
    }
    let start = at + UDP_HEADER;
    let datagram = Datagram {
        data: start..start + udp.payload().len(),
        hop_limit,
        traffic_class,
    };
    Some(Kind::Udp(flow(ends, udp.src_port(), udp.dst_port()), datagram))
}

/// Destination unreachable, port unreachable (RFC 792), about a UDP datagram that we sent.
fn refused(icmp: &[u8]) -> Option<Kind> {
    let quoted = match icmp {
        [3, 3, _, _, _, _, _, _, quoted @ ..] => quoted,
        _ => return None,
    };
    // Only the header and eight bytes are quoted, so the total length does not fit: no `new_checked`.
    let header = usize::from(quoted.first()? & 0x0f) * 4;
    let (ip, ports) = (quoted.get(..20)?, quoted.get(header..header + 4)?);
    if ip[9] != u8::from(IpProtocol::Udp) || header < 20 {
        return None;
    }
    let address = |at: usize| IpAddr::from([ip[at], ip[at + 1], ip[at + 2], ip[at + 3]]);
    Some(Kind::Refused(quoted_flow(address(12), address(16), ports)))
}

/// The same of IPv6 (RFC 4443, 3.1: type 1, code 4).
fn refused_v6(icmp: &[u8]) -> Option<Kind> {
    let quoted = match icmp {
        [1, 4, _, _, _, _, _, _, quoted @ ..] => quoted,
        _ => return None,
    };
    let (ip, ports) = (quoted.first_chunk::<40>()?, quoted.get(40..44)?);
    if ip[6] != u8::from(IpProtocol::Udp) {
        return None;
    }
    let address = |at: usize| ip[at..].first_chunk::<16>().map(|bytes| IpAddr::from(*bytes));
    Some(Kind::Refused(quoted_flow(address(8)?, address(24)?, ports)))
}

/// The flow of a packet of ours that is given back to us, by its source and target.
fn quoted_flow(source: IpAddr, target: IpAddr, ports: &[u8]) -> Flow {
    let port = |at: usize| u16::from_be_bytes([ports[at], ports[at + 1]]);
    Flow::new(SocketAddr::new(source, port(0)), SocketAddr::new(target, port(2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_are_sorted_without_a_panic() {
        let mut seed = 1u64;
        let mut bytes = [0u8; 96];
        for round in 0..200_000u32 {
            for byte in &mut bytes {
                seed = seed
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                *byte = (seed >> 56) as u8;
            }
            // Mostly plausible headers, so that the deeper parsers are reached.
            bytes[12..14].copy_from_slice(&[8, 0]);
            bytes[14] = 0x45 + u8::from(round % 7 == 0);
            bytes[16..18].copy_from_slice(&((round % 90) as u16).to_be_bytes());
            bytes[20] &= 0x20;
            bytes[21] = 0;
            bytes[23] = [6, 17, 1, 50][round as usize % 4];
            if round % 3 == 0 {
                bytes[34..36].copy_from_slice(&[3, 3]);
            }
            let len = (round as usize * 7) % 97;
            classify(&bytes[..len], true);
            classify(bytes.get(14..len).unwrap_or(&[]), false);
            bytes[12..14].copy_from_slice(&[0x86, 0xdd]);
            bytes[14] = 0x60;
            bytes[18..20].copy_from_slice(&((round % 60) as u16).to_be_bytes());
            bytes[20] = [6, 17, 58, 44][round as usize % 4];
            if round % 3 == 0 {
                bytes[54..56].copy_from_slice(&[1, 4]);
            }
            classify(&bytes[..len], true);
            classify(bytes.get(14..len).unwrap_or(&[]), false);
        }
    }
}
