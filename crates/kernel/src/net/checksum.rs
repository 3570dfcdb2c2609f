//! Internet checksums of frames, where neither smoltcp nor the card computes them.

use super::link::ETHERNET_HEADER;
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket,
};

/// Byte offset of the checksum in a TCP header (RFC 9293, 3.1).
const TCP_CHECKSUM: usize = 16;

/// False if the frame holds a whole TCP, UDP or ICMPv6 packet whose checksum is wrong; fragments are left to reassembly.
pub(super) fn transport_is_right(frame: &[u8]) -> bool {
    let Ok(frame) = EthernetFrame::new_checked(frame) else {
        return false;
    };
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let Ok(packet) = Ipv4Packet::new_checked(frame.payload()) else {
                return false;
            };
            let (source, target) = (packet.src_addr().into(), packet.dst_addr().into());
            packet.more_frags()
                || packet.frag_offset() != 0
                || is_right(packet.next_header(), packet.payload(), source, target)
        }
        EthernetProtocol::Ipv6 => {
            let Ok(packet) = Ipv6Packet::new_checked(frame.payload()) else {
                return false;
            };
            let (source, target) = (packet.src_addr().into(), packet.dst_addr().into());
            match packet.next_header() {
                // Options before the transport header: reports of multicast listeners, which smoltcp verifies. Of others it would not.
                IpProtocol::HopByHop => packet.payload().first() == Some(&IpProtocol::Icmpv6.into()),
                protocol @ (IpProtocol::Tcp | IpProtocol::Udp | IpProtocol::Icmpv6) => {
                    is_right(protocol, packet.payload(), source, target)
                }
                _ => false,
            }
        }
        _ => true,
    }
}

fn is_right(protocol: IpProtocol, payload: &[u8], source: IpAddress, target: IpAddress) -> bool {
    match protocol {
        IpProtocol::Tcp => {
            TcpPacket::new_checked(payload).is_ok_and(|tcp| tcp.verify_checksum(&source, &target))
        }
        IpProtocol::Udp => {
            UdpPacket::new_checked(payload).is_ok_and(|udp| udp.verify_checksum(&source, &target))
        }
        // ICMP's is smoltcp's to verify.
        _ => true,
    }
}

/// Completes the checksum of a TCP frame that smoltcp left at zero: all of it, or only the pseudo header's part for a card
/// that does the rest (IPv4 only). Other frames are left alone.
pub(super) fn complete_tcp(frame: &mut [u8], offload: bool) {
    let is_v6 = match frame.get(12..14) {
        Some(&[0x08, 0x00]) => false,
        Some(&[0x86, 0xdd]) => true,
        _ => return,
    };
    let Some(ip) = frame.get_mut(ETHERNET_HEADER..) else {
        return;
    };
    if is_v6 {
        return complete_tcp_v6(ip);
    }
    let Ok(packet) = Ipv4Packet::new_checked(&mut *ip) else {
        return;
    };
    if packet.next_header() != IpProtocol::Tcp {
        return;
    }
    let (source, target, header) = (
        packet.src_addr(),
        packet.dst_addr(),
        usize::from(packet.header_len()),
    );
    let total = usize::from(packet.total_len());
    let segment = &mut ip[header..total];
    if offload {
        let sum = pseudo_header_sum(source.octets(), target.octets(), segment.len());
        segment[TCP_CHECKSUM..TCP_CHECKSUM + 2].copy_from_slice(&sum.to_be_bytes());
    } else if let Ok(mut tcp) = TcpPacket::new_checked(segment) {
        tcp.fill_checksum(&IpAddress::Ipv4(source), &IpAddress::Ipv4(target));
    }
}

fn complete_tcp_v6(ip: &mut [u8]) {
    let Ok(mut packet) = Ipv6Packet::new_checked(ip) else {
        return;
    };
    if packet.next_header() != IpProtocol::Tcp {
        return;
    }
    let (source, target) = (packet.src_addr().into(), packet.dst_addr().into());
    if let Ok(mut tcp) = TcpPacket::new_checked(packet.payload_mut()) {
        tcp.fill_checksum(&source, &target);
    }
}

/// One's complement sum, not inverted, of the TCP pseudo header (RFC 9293, 3.1).
fn pseudo_header_sum(source: [u8; 4], target: [u8; 4], len: usize) -> u16 {
    let words = source
        .chunks_exact(2)
        .chain(target.chunks_exact(2))
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let mut sum = words.sum::<u32>() + u32::from(u8::from(IpProtocol::Tcp)) + len as u32;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudo_sum_and_payload_sum_make_the_whole_checksum() {
        let (source, target) = ([10, 0, 0, 1], [10, 0, 0, 2]);
        let mut segment = [0u8; 24];
        segment[..12].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
        segment[12] = 5 << 4;
        segment[20..].copy_from_slice(b"data");
        let mut whole = segment;
        let addresses = (IpAddress::v4(10, 0, 0, 1), IpAddress::v4(10, 0, 0, 2));
        TcpPacket::new_unchecked(&mut whole[..]).fill_checksum(&addresses.0, &addresses.1);
        // What a card does: sum over the segment, whose checksum field holds the pseudo header's sum, inverted.
        let partial = pseudo_header_sum(source, target, segment.len());
        segment[16..18].copy_from_slice(&partial.to_be_bytes());
        let mut sum: u32 = segment
            .chunks_exact(2)
            .map(|p| u32::from(p[0]) << 8 | u32::from(p[1]))
            .sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        assert_eq!((!(sum as u16)).to_be_bytes(), whole[16..18]);
    }
}
