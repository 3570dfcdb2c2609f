//! Neighbours' link addresses: learning them from what they send, and asking in time.
//!
//! smoltcp answers nobody whose link address it has not asked for, and loses the answer that it wanted to send: the SYN-ACK or RST to a peer's
//! first SYN, which the peer repeats after a whole second. The frame that brings the SYN has the address in it, so smoltcp is shown an ARP
//! reply that says so (RFC 826 lets a host take addresses from any ARP packet to it).
//!
//! It also asks for one address a second, whosever it is: a program that looks a name up and then connects would wait that second. So a new
//! peer's address is asked for here as well; the answer is smoltcp's to read.

use super::{ETHERNET, Stack, input::process};
use crate::{drivers::net::RxBuffer, net::link::Frame, time::Instant};
use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetFrame, EthernetProtocol, EthernetRepr,
    HardwareAddress,
};

/// smoltcp forgets an address after a minute; it is shown again before that.
const FRESH: Duration = Duration::from_secs(30);
/// As many as smoltcp keeps (`iface-neighbor-cache-count-16`).
const MOST: usize = 16;

/// Between two requests of ours for the same address.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Whom smoltcp was told about, and when; and whom we asked last.
#[derive(Default)]
pub(super) struct Neighbours(
    BTreeMap<Ipv4Addr, (EthernetAddress, Instant)>,
    Option<(Ipv4Addr, Instant)>,
);

impl Neighbours {
    /// True if the address is to be asked for now; it is taken for asked then.
    fn must_ask(&mut self, address: Ipv4Addr, now: Instant) -> bool {
        let known = self.0.get(&address).is_some_and(|&(_, at)| now < at + FRESH);
        let asked = self
            .1
            .is_some_and(|(last, at)| last == address && now < at + ASK_AGAIN);
        if known || asked {
            return false;
        }
        self.1 = Some((address, now));
        true
    }

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
    /// (An IPv6 peer has asked for ours before, and smoltcp has learned from that.)
    pub(super) fn learn_neighbour(&mut self, link: usize, frame: &Frame, remote: IpAddr) {
        let (ETHERNET, Some(ethernet), Ok(header), IpAddr::V4(remote)) = (
            link,
            self.ethernet,
            EthernetFrame::new_checked(frame.bytes()),
            remote,
        ) else {
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
        let bytes = arp(ArpOperation::Reply, (hardware, hop), (own, ethernet.address), own);
        process(
            link,
            Frame::Ethernet(RxBuffer::from_vec(bytes, true)),
            &mut self.nobody,
            self.now,
        );
    }

    /// An ARP packet to us tells smoltcp its sender's address.
    pub(super) fn note_arp(&mut self, frame: &Frame) {
        let Some(Ok(ArpRepr::EthernetIpv4 {
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        })) = EthernetFrame::new_checked(frame.bytes())
            .ok()
            .and_then(|frame| ArpPacket::new_checked(frame.payload()).ok())
            .map(|packet| ArpRepr::parse(&packet))
        else {
            return;
        };
        let to_us = self
            .ethernet
            .is_some_and(|own| own.address == target_protocol_addr && own.on_link(source_protocol_addr));
        if to_us && source_hardware_addr.is_unicast() {
            self.neighbours
                .is_news(source_protocol_addr, source_hardware_addr, self.now);
        }
    }

    /// Asks for the link address of who will get packets for `target`, unless it is known.
    /// (IPv6: smoltcp asks itself.)
    pub(super) fn ask_neighbour(&mut self, link: usize, target: IpAddr) {
        let (ETHERNET, Some(ethernet), IpAddr::V4(target)) = (link, self.ethernet, target) else {
            return;
        };
        let hop = if ethernet.on_link(target) {
            Some(target)
        } else {
            ethernet.gateway
        };
        let Some(hop) = hop.filter(|hop| !target.is_broadcast() && self.neighbours.must_ask(*hop, self.now))
        else {
            return;
        };
        let Some(link) = &mut self.links[ETHERNET] else {
            return;
        };
        let HardwareAddress::Ethernet(own) = link.interface.hardware_addr() else {
            return;
        };
        let nobody = EthernetAddress([0; 6]);
        let request = arp(
            ArpOperation::Request,
            (own, ethernet.address),
            (nobody, hop),
            EthernetAddress::BROADCAST,
        );
        link.port.send_raw(&request);
    }
}

/// An ARP packet in its Ethernet frame.
fn arp(
    operation: ArpOperation,
    source: (EthernetAddress, Ipv4Addr),
    target: (EthernetAddress, Ipv4Addr),
    to: EthernetAddress,
) -> Vec<u8> {
    let packet = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: source.0,
        source_protocol_addr: source.1,
        target_hardware_addr: target.0,
        target_protocol_addr: target.1,
    };
    let header = EthernetRepr {
        src_addr: source.0,
        dst_addr: to,
        ethertype: EthernetProtocol::Arp,
    };
    let mut bytes = vec![0; header.buffer_len() + packet.buffer_len()];
    let mut out = EthernetFrame::new_unchecked(&mut bytes);
    header.emit(&mut out);
    packet.emit(&mut ArpPacket::new_unchecked(out.payload_mut()));
    bytes
}
