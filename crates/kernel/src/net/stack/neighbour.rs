//! Learning neighbours' link addresses from what they send.
//!
//! smoltcp answers nobody whose link address it has not asked for, and loses the answer that it wanted to send: the SYN-ACK or RST to a peer's
//! first SYN, which the peer repeats after a whole second. The frame that brings the SYN has the address in it, so smoltcp is shown an ARP
//! reply that says so (RFC 826 lets a host take addresses from any ARP packet to it).

use super::{ETHERNET, Stack, input::process};
use crate::{drivers::net::RxBuffer, net::link::Frame, time::Instant};
use alloc::{collections::BTreeMap, vec};
use core::{net::Ipv4Addr, time::Duration};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr,
    HardwareAddress,
};

/// smoltcp forgets an address after a minute; it is shown again before that.
const FRESH: Duration = Duration::from_secs(30);
/// As many as smoltcp keeps (`iface-neighbor-cache-count-16`).
const MOST: usize = 16;

/// Whom smoltcp was told about, and when.
#[derive(Default)]
pub(super) struct Neighbours(BTreeMap<Ipv4Addr, (EthernetAddress, Instant)>);

impl Neighbours {
    /// True if smoltcp has to be told; it is taken for told then.
    fn is_news(&mut self, address: Ipv4Addr, hardware: EthernetAddress, now: Instant) -> bool {
        if let Some((known, at)) = self.0.get(&address)
            && *known == hardware
            && now < *at + FRESH
        {
            return false;
        }
        if self.0.len() >= MOST && !self.0.contains_key(&address) {
            let oldest = self
                .0
                .iter()
                .min_by_key(|(_, (_, at))| *at)
                .map(|(&address, _)| address);
            oldest.map(|address| self.0.remove(&address));
        }
        self.0.insert(address, (hardware, now));
        true
    }
}

impl Stack {
    /// Takes the link address of a packet's sender, or of the gateway that it came through.
    pub(super) fn learn_neighbour(&mut self, link: usize, frame: &Frame, remote: Ipv4Addr) {
        let (ETHERNET, Some(ethernet), Ok(header)) =
            (link, self.ethernet, EthernetFrame::new_checked(frame.bytes()))
        else {
            return;
        };
        let hop = if ethernet.on_link(remote) {
            Some(remote)
        } else {
            ethernet.gateway
        };
        let (Some(hop), hardware) = (hop, header.src_addr()) else {
            return;
        };
        if !hardware.is_unicast() || !self.neighbours.is_news(hop, hardware, self.now) {
            return;
        }
        let Some(link) = &mut self.links[ETHERNET] else {
            return;
        };
        let HardwareAddress::Ethernet(own) = link.interface.hardware_addr() else {
            return;
        };
        let reply = ArpRepr::EthernetIpv4 {
            operation: ArpOperation::Reply,
            source_hardware_addr: hardware,
            source_protocol_addr: hop,
            target_hardware_addr: own,
            target_protocol_addr: ethernet.address,
        };
        let header = EthernetRepr {
            src_addr: hardware,
            dst_addr: own,
            ethertype: EthernetProtocol::Arp,
        };
        let mut bytes = vec![0; header.buffer_len() + reply.buffer_len()];
        let mut out = EthernetFrame::new_unchecked(&mut bytes);
        header.emit(&mut out);
        reply.emit(&mut ArpPacket::new_unchecked(out.payload_mut()));
        process(
            link,
            Frame::Ethernet(RxBuffer::from_vec(bytes, true)),
            &mut self.nobody,
            self.now,
        );
    }
}
