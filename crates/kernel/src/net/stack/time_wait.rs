//! TIME_WAIT without a connection (RFC 9293, 3.6.1): a closed flow is remembered for a while, so that its port is not taken for a new connection to
//! the same peer, and so that a peer whose last ACK was lost gets it again. Bounded: the oldest give way.

use crate::{
    net::{
        link::ETHERNET_HEADER,
        packet::{Flow, Segment},
    },
    time::Instant,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    vec,
    vec::Vec,
};
use core::{ops::RangeInclusive, time::Duration};
use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        EthernetAddress, EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, IpRepr, TcpControl,
        TcpPacket, TcpRepr, TcpSeqNumber,
    },
};

/// How long a flow is remembered. Linux takes 60 s, which on a fast link only costs ports.
const DURATION: Duration = Duration::from_secs(20);
/// Most flows that are remembered.
const CAPACITY: usize = 16_384;

/// The flows in TIME_WAIT.
#[derive(Debug, Default)]
pub(super) struct TimeWait {
    flows: BTreeMap<Flow, Instant>,
    order: VecDeque<(Instant, Flow)>,
}

impl TimeWait {
    /// Remembers a flow from now on.
    pub(super) fn insert(&mut self, flow: Flow, now: Instant) {
        self.purge(now);
        if self.order.len() >= CAPACITY {
            self.pop();
        }
        let until = now + DURATION;
        self.flows.insert(flow, until);
        self.order.push_back((until, flow));
    }

    fn pop(&mut self) {
        if let Some((until, flow)) = self.order.pop_front()
            && self.flows.get(&flow) == Some(&until)
        {
            self.flows.remove(&flow);
        }
    }

    /// Forgets what is old enough.
    pub(super) fn purge(&mut self, now: Instant) {
        while self.order.front().is_some_and(|&(until, _)| until <= now) {
            self.pop();
        }
    }

    /// Forgets a flow, for a new connection.
    pub(super) fn remove(&mut self, flow: &Flow) {
        self.flows.remove(flow);
    }

    /// True if the flow is remembered.
    pub(super) fn contains(&self, flow: &Flow) -> bool {
        self.flows.contains_key(flow)
    }

    /// True if any of these flows is remembered.
    pub(super) fn has_any(&self, range: RangeInclusive<Flow>) -> bool {
        self.flows.range(range).next().is_some()
    }
}

/// The ACK for a FIN that came again, as a frame of the same link.
pub(super) fn last_ack(frame: &[u8], ethernet: bool, flow: Flow, segment: Segment) -> Option<Vec<u8>> {
    let repr = TcpRepr {
        src_port: flow.local_port,
        dst_port: flow.remote_port,
        control: TcpControl::None,
        seq_number: TcpSeqNumber(segment.acknowledged? as i32),
        ack_number: Some(TcpSeqNumber(
            segment.sequence.wrapping_add(segment.payload_len).wrapping_add(1) as i32,
        )),
        window_len: 0,
        window_scale: None,
        max_seg_size: None,
        sack_permitted: false,
        sack_ranges: [None; 3],
        timestamp: None,
        payload: &[],
    };
    let (local, remote) = (IpAddress::from(flow.local), IpAddress::from(flow.remote));
    let ip = IpRepr::new(local, remote, IpProtocol::Tcp, repr.buffer_len(), 64);
    let offset = if ethernet { ETHERNET_HEADER } else { 0 };
    let mut out = vec![0; offset + ip.header_len() + repr.buffer_len()];
    if ethernet {
        let received = EthernetFrame::new_checked(frame).ok()?;
        let (to, from): (EthernetAddress, EthernetAddress) = (received.src_addr(), received.dst_addr());
        let mut header = EthernetFrame::new_unchecked(&mut out[..]);
        header.set_src_addr(from);
        header.set_dst_addr(to);
        header.set_ethertype(match ip {
            IpRepr::Ipv4(_) => EthernetProtocol::Ipv4,
            IpRepr::Ipv6(_) => EthernetProtocol::Ipv6,
        });
    }
    let checksums = ChecksumCapabilities::default();
    ip.emit(&mut out[offset..], &checksums);
    let mut tcp = TcpPacket::new_unchecked(&mut out[offset + ip.header_len()..]);
    repr.emit(&mut tcp, &local, &remote, &checksums);
    Some(out)
}
