//! A link under the IP layer, in the form that smoltcp wants: the Ethernet device, or the loopback queue.
//!
//! smoltcp looks through every socket of a set for each packet. So the set is chosen here-above, by [`super::packet`], before
//! smoltcp sees a packet: a link has at most one frame on [`offer`](Port::offer), and smoltcp is asked to take just that.

use super::{
    checksum,
    packet::{Kind, Segment, classify},
};
use crate::drivers::net::{NetDevice, RxBuffer, TxChecksum, TxOptions, TxSegmentation};
use alloc::{boxed::Box, collections::VecDeque, vec, vec::Vec};
use core::num::{NonZeroU16, NonZeroUsize};
use smoltcp::{
    phy::{self, Checksum, DeviceCapabilities, Medium, PacketMeta},
    time::Instant,
};

/// Length of an Ethernet header in bytes.
pub(super) const ETHERNET_HEADER: usize = 14;
/// Ethernet, IPv4 and TCP headers without options: what smoltcp puts before data.
const TCP_HEADERS: usize = ETHERNET_HEADER + 20 + 20;
/// Largest packet that loopback takes.
const LOOPBACK_MTU: usize = 65_535;
/// Most packets that may wait in the loopback queue; more are lost, as on any link.
const LOOPBACK_QUEUE: usize = 1024;
/// Largest IP packet that is handed to a device for segmentation.
const SEGMENTATION_MAX: usize = 65_535;

/// Where frames go to and come from.
pub(super) enum Wire {
    /// Packets to ourselves.
    Loopback(VecDeque<Vec<u8>>),
    /// A network card.
    Ethernet(Box<dyn NetDevice>),
}

/// A frame on its way in.
pub(super) enum Frame {
    /// From the loopback queue: an IP packet.
    Loopback(Vec<u8>),
    /// From the device: an Ethernet frame.
    Ethernet(RxBuffer),
}

impl Frame {
    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Loopback(bytes) => bytes,
            Self::Ethernet(buffer) => buffer,
        }
    }

    /// True if nobody has to look at the TCP or UDP checksum.
    pub(super) fn verified(&self) -> bool {
        match self {
            Self::Loopback(_) => true,
            Self::Ethernet(buffer) => buffer.checksum_verified(),
        }
    }
}

/// What passed a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) received: u64,
    pub(super) received_bytes: u64,
    pub(super) sent: u64,
    pub(super) sent_bytes: u64,
}

/// A link, as smoltcp's device.
pub(super) struct Port {
    wire: Wire,
    offered: Option<Frame>,
    capabilities: DeviceCapabilities,
    /// The card completes TCP checksums.
    tx_checksum: bool,
    /// The next frames out are a TCP socket's own: their checksum is ours, or may be left to the card.
    pub(super) tcp_egress: bool,
    /// Those frames are IPv4: the card's help is asked for them alone, whose headers have one length and which no neighbour discovery comes between.
    pub(super) tcp_egress_v4: bool,
    /// The last of them that left.
    pub(super) sent: Option<Segment>,
    /// A frame could not be sent for want of room.
    pub(super) full: bool,
    /// A long frame that the card had no room for although it had room for a short one. Nothing else leaves before it.
    stash: Option<(Vec<u8>, TxOptions)>,
    pub(super) counters: Counters,
    /// Something was queued since the last [`kick`](Self::kick).
    pending: bool,
}

impl Port {
    /// The loopback link.
    pub(super) fn loopback() -> Self {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = LOOPBACK_MTU;
        capabilities.checksum = phy::ChecksumCapabilities::ignored();
        Self::new(Wire::Loopback(VecDeque::new()), capabilities, false)
    }

    /// A card's link.
    pub(super) fn ethernet(device: Box<dyn NetDevice>) -> Self {
        let card = device.capabilities();
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = device.mtu() + ETHERNET_HEADER;
        // What comes in is verified here unless the card did it; what goes out is completed in `TxToken::consume`.
        capabilities.checksum.tcp = Checksum::None;
        capabilities.checksum.udp = Checksum::Tx;
        if card.tso4 && card.tx_checksum {
            // Full segments only: a short one amid a stream is seen as its end, and the next has to wait for its ACK (Nagle's algorithm).
            let headers = TCP_HEADERS - ETHERNET_HEADER;
            let segment = device.mtu() - headers;
            let data = (SEGMENTATION_MAX - headers) / segment * segment;
            capabilities.segmentation.tcpv4 = NonZeroUsize::new(TCP_HEADERS + data);
        }
        Self::new(Wire::Ethernet(device), capabilities, card.tx_checksum)
    }

    fn new(wire: Wire, capabilities: DeviceCapabilities, tx_checksum: bool) -> Self {
        Self {
            wire,
            offered: None,
            capabilities,
            tx_checksum,
            tcp_egress: false,
            tcp_egress_v4: false,
            sent: None,
            full: false,
            stash: None,
            counters: Counters::default(),
            pending: false,
        }
    }

    /// Largest IP packet in bytes.
    pub(super) fn mtu(&self) -> usize {
        self.capabilities.ip_mtu()
    }

    /// TCP payload of the largest packet.
    pub(super) fn full_segment(&self, v4: bool) -> usize {
        self.mtu() - if v4 { 40 } else { 60 }
    }

    /// The next frame that came in, with bad checksums already sorted out.
    pub(super) fn next_frame(&mut self) -> Option<Frame> {
        loop {
            match &mut self.wire {
                Wire::Loopback(queue) => {
                    let frame = queue.pop_front()?;
                    self.counters.received += 1;
                    self.counters.received_bytes += frame.len() as u64;
                    return Some(Frame::Loopback(frame));
                }
                Wire::Ethernet(device) => {
                    let frame = Frame::Ethernet(device.receive()?);
                    self.counters.received += 1;
                    self.counters.received_bytes += frame.bytes().len() as u64;
                    if frame.verified() || checksum::transport_is_right(frame.bytes()) {
                        return Some(frame);
                    }
                }
            }
        }
    }

    /// Puts the frame where smoltcp's next receive takes it.
    pub(super) fn offer(&mut self, frame: Frame) {
        self.offered = Some(frame);
    }

    /// Sends a ready-made frame; it is lost if there is no room.
    pub(super) fn send_raw(&mut self, frame: &[u8]) {
        self.transmit(frame.len(), TxOptions::default(), |out| {
            out.copy_from_slice(frame)
        });
    }

    /// The card, if this is one's link.
    pub(super) fn device(&mut self) -> Option<&mut dyn NetDevice> {
        match &mut self.wire {
            Wire::Loopback(_) => None,
            Wire::Ethernet(device) => Some(&mut **device),
        }
    }

    /// One doorbell for all that was queued; `received` if buffers may have to go back to the card.
    pub(super) fn kick(&mut self, received: bool) {
        if (core::mem::take(&mut self.pending) || received)
            && let Some(device) = self.device()
        {
            device.kick();
        }
    }

    /// True if a packet can leave now.
    pub(super) fn has_room(&mut self) -> bool {
        match &mut self.wire {
            Wire::Loopback(queue) => queue.len() < LOOPBACK_QUEUE,
            Wire::Ethernet(device) => {
                if let Some((frame, options)) = &self.stash {
                    if device
                        .send(frame.len(), *options, &mut |out: &mut [u8]| {
                            out.copy_from_slice(frame)
                        })
                        .is_err()
                    {
                        return false;
                    }
                    self.stash = None;
                    self.pending = true;
                }
                device.can_send()
            }
        }
    }

    /// Has `fill` write a frame into the wire's own memory. Where there is no room, the frame is stashed if smoltcp will not
    /// hear of its loss for long (a connection's own), else it is lost, as on any link.
    fn transmit<R>(&mut self, len: usize, options: TxOptions, fill: impl FnOnce(&mut [u8]) -> R) -> R {
        self.pending = true;
        self.counters.sent += 1;
        self.counters.sent_bytes += len as u64;
        match &mut self.wire {
            Wire::Loopback(queue) => {
                let mut packet = vec![0; len];
                let result = fill(&mut packet);
                if queue.len() < LOOPBACK_QUEUE {
                    queue.push_back(packet);
                }
                result
            }
            Wire::Ethernet(device) => {
                let (mut fill, mut result) = (Some(fill), None);
                let mut once = |out: &mut [u8]| result = fill.take().map(|fill| fill(out));
                if self.stash.is_none()
                    && device.send(len, options, &mut once).is_ok()
                    && let Some(result) = result
                {
                    return result;
                }
                let mut frame = vec![0; len];
                match (result, fill) {
                    (None, Some(fill)) => {
                        let result = fill(&mut frame);
                        if self.tcp_egress && self.stash.is_none() {
                            self.stash = Some((frame, options));
                        }
                        result
                    }
                    // Only a device that fills and then fails, which `NetDevice::send` rules out.
                    (Some(result), _) => result,
                    (None, None) => unreachable!("a fill function that ran left its result"),
                }
            }
        }
    }
}

/// One frame in, as smoltcp's token.
pub(super) struct RxToken(Frame);

impl phy::RxToken for RxToken {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0.bytes())
    }
}

/// One frame out, as smoltcp's token.
pub(super) struct TxToken<'a> {
    port: &'a mut Port,
    segment_size: Option<NonZeroU16>,
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let port = self.port;
        let (ethernet, ours) = (matches!(port.wire, Wire::Ethernet(_)), port.tcp_egress);
        let mut sent = None;
        let f = |out: &mut [u8]| {
            let result = f(out);
            if ours && let Kind::Tcp(_, segment) = classify(out, ethernet) {
                sent = Some(segment);
            }
            result
        };
        if !ethernet {
            let result = port.transmit(len, TxOptions::default(), f);
            port.sent = sent;
            return result;
        }
        // ARP requests of a TCP socket are shorter than any TCP packet.
        let offload = port.tcp_egress && port.tcp_egress_v4 && port.tx_checksum && len >= TCP_HEADERS;
        let options = TxOptions {
            checksum: offload.then_some(TxChecksum {
                start: (ETHERNET_HEADER + 20) as u16,
                offset: 16,
            }),
            segmentation: self.segment_size.filter(|_| offload).map(|size| TxSegmentation {
                header_len: TCP_HEADERS as u16,
                segment_size: size.get(),
            }),
        };
        let result = port.transmit(len, options, |out| {
            let result = f(out);
            checksum::complete_tcp(out, offload);
            result
        });
        port.sent = sent;
        result
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.segment_size = meta.segmentation_offload_size;
    }
}

impl phy::Device for Port {
    type RxToken<'a> = RxToken;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, _timestamp: Instant) -> Option<(RxToken, TxToken<'_>)> {
        let frame = self.offered.take()?;
        Some((
            RxToken(frame),
            TxToken {
                port: self,
                segment_size: None,
            },
        ))
    }

    fn transmit(&mut self, _timestamp: Instant) -> Option<TxToken<'_>> {
        if self.has_room() {
            Some(TxToken {
                port: self,
                segment_size: None,
            })
        } else {
            self.full = true;
            None
        }
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.capabilities.clone()
    }
}
