//! Looks at a received packet just enough to know whose it is.

use core::net::{Ipv4Addr, SocketAddrV4};
use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, TcpPacket, UdpPacket};

/// A connection's or datagram's two ends, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flow {
    /// Our end; first, so that all flows of a port are neighbours in a sorted map.
    pub(super) local_port: u16,
    /// Our address.
    pub(super) local: Ipv4Addr,
    /// The other end.
    pub(super) remote: Ipv4Addr,
    /// The other end's port.
    pub(super) remote_port: u16,
}

impl Flow {
    /// Puts two ends together.
    pub(super) fn new(local: SocketAddrV4, remote: SocketAddrV4) -> Self {
        Self {
            local_port: local.port(),
            local: *local.ip(),
            remote: *remote.ip(),
            remote_port: remote.port(),
        }
    }

    /// The lowest of a port's flows.
    pub(super) fn first_of_port(port: u16) -> Self {
        Self {
            local_port: port,
            local: Ipv4Addr::UNSPECIFIED,
            remote: Ipv4Addr::UNSPECIFIED,
            remote_port: 0,
        }
    }

    /// The highest of a port's flows.
    pub(super) fn last_of_port(port: u16) -> Self {
        Self {
            local_port: port,
            local: Ipv4Addr::BROADCAST,
            remote: Ipv4Addr::BROADCAST,
            remote_port: u16::MAX,
        }
    }

    /// Our end.
    pub(super) fn local(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.local, self.local_port)
    }

    /// The other end.
    pub(super) fn remote(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.remote, self.remote_port)
    }
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
    /// Sequence number.
    pub(super) sequence: u32,
    /// Acknowledged number, where ACK is set.
    pub(super) acknowledged: Option<u32>,
    /// Sequence numbers that the segment takes, without SYN and FIN.
    pub(super) payload_len: u32,
}

/// A received packet, sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A TCP segment.
    Tcp(Flow, Segment),
    /// A UDP datagram.
    Udp(Flow),
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
    /// Anything else; smoltcp's own business.
    Other,
}

/// Sorts an Ethernet frame (`ethernet`) or an IP packet; malformed ones are [`Kind::Other`], for smoltcp to drop.
pub(super) fn classify(bytes: &[u8], ethernet: bool) -> Kind {
    if !ethernet {
        return ipv4(bytes).unwrap_or(Kind::Other);
    }
    let Ok(frame) = EthernetFrame::new_checked(bytes) else {
        return Kind::Other;
    };
    match frame.ethertype() {
        EthernetProtocol::Arp => Kind::Arp,
        EthernetProtocol::Ipv4 => ipv4(frame.payload()).unwrap_or(Kind::Other),
        _ => Kind::Other,
    }
}

fn ipv4(bytes: &[u8]) -> Option<Kind> {
    let packet = Ipv4Packet::new_checked(bytes).ok()?;
    let key = (packet.src_addr(), packet.dst_addr(), packet.ident());
    let payload = packet.payload();
    let flow = |source, target| {
        Flow::new(
            SocketAddrV4::new(packet.dst_addr(), target),
            SocketAddrV4::new(packet.src_addr(), source),
        )
    };
    if packet.frag_offset() != 0 {
        return Some(Kind::Fragment { key });
    }
    match packet.next_header() {
        IpProtocol::Tcp => {
            let tcp = TcpPacket::new_checked(payload).ok()?;
            let segment = Segment {
                opens: tcp.syn() && !tcp.ack() && !tcp.rst(),
                fin: tcp.fin(),
                rst: tcp.rst(),
                sequence: tcp.seq_number().0 as u32,
                acknowledged: tcp.ack().then(|| tcp.ack_number().0 as u32),
                payload_len: (payload.len() - usize::from(tcp.header_len())) as u32,
            };
            Some(Kind::Tcp(flow(tcp.src_port(), tcp.dst_port()), segment))
        }
        IpProtocol::Udp if packet.more_frags() => {
            let ports = payload.get(..4)?;
            let flow = flow(
                u16::from_be_bytes([ports[0], ports[1]]),
                u16::from_be_bytes([ports[2], ports[3]]),
            );
            Some(Kind::FirstFragment { key, flow })
        }
        IpProtocol::Udp => {
            let udp = UdpPacket::new_checked(payload).ok()?;
            Some(Kind::Udp(flow(udp.src_port(), udp.dst_port())))
        }
        IpProtocol::Icmp => refused(payload),
        _ => None,
    }
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
    let address = |at: usize| Ipv4Addr::new(ip[at], ip[at + 1], ip[at + 2], ip[at + 3]);
    let port = |at: usize| u16::from_be_bytes([ports[at], ports[at + 1]]);
    Some(Kind::Refused(Flow::new(
        SocketAddrV4::new(address(12), port(0)),
        SocketAddrV4::new(address(16), port(2)),
    )))
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
        }
    }
}
