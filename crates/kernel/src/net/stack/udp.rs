//! UDP sockets. What comes is queued here, whole and with all that the program may ask about it; what goes leaves by smoltcp, which knows the
//! neighbours and makes fragments: per socket by one smoltcp socket for the loopback link and one for the card's, made when first needed. smoltcp
//! also puts fragments together that came, and the result is queued as the others are.

use super::{DatagramsId, ETHERNET, Stack, connection::this_host, input::process, output::PATIENCE, smol};
use crate::{
    errno::{Errno, Result},
    file::Poll,
    net::{
        link::{ETHERNET_HEADER, Frame},
        packet::{Datagram, Flow},
        ports::Bound,
    },
    wait::WaitQueue,
};
use alloc::{collections::VecDeque, sync::Arc, vec, vec::Vec};
use core::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use smoltcp::{
    iface::{PollResult, SocketHandle, SocketSet},
    socket::udp,
    wire::{IpAddress, IpEndpoint, IpListenEndpoint},
};

/// Bytes of smoltcp's buffers per link: what waits for a neighbour's address, or the card; and one datagram of fragments.
const BUFFER: usize = 64 * 1024;
/// Most datagrams in such a buffer.
const QUEUE: usize = 256;
/// Bytes of datagrams that wait for the program, unless `SO_RCVBUF` says otherwise (`net.core.rmem_default`).
pub(in crate::net) const RECEIVE_BUFFER: usize = 212_992;
/// What a datagram in the queue takes besides its data.
const OVERHEAD: usize = 512;
/// IPv6 and UDP headers.
const HEADERS_V6: usize = 40 + 8;
/// Largest datagram (`udp(7)`).
const MAX_PAYLOAD: usize = 65_507;
/// Most fragmented datagrams whose first fragment is remembered.
const FRAGMENTS: usize = 16;

/// Most fragments that a datagram of [`MAX_PAYLOAD`] makes on a link with the smallest MTU (RFC 791).
const FRAGMENTS_MAX: usize = MAX_PAYLOAD / 548 + 1;

/// A neighbour's address is asked for again after this time, so often (`arp(7)`, `mcast_solicit`).
const RETRY: Duration = Duration::from_millis(1010);
const RETRIES: u8 = 3;

type Side = (SocketSet<'static>, SocketHandle);

/// A UDP socket's state.
#[derive(Debug)]
pub(in crate::net) struct Datagrams {
    pub(in crate::net) local: Bound,
    port: u16,
    pub(in crate::net) peer: Option<SocketAddr>,
    received: VecDeque<Packet>,
    /// Bytes that the queue takes, and may take.
    used: usize,
    pub(in crate::net) receive_buffer: usize,
    /// `SO_ERROR`.
    pub(in crate::net) error: Option<Errno>,
    queue: Arc<WaitQueue>,
    sides: [Option<Side>; 2],
    pub(in crate::net) read_shut: bool,
    pub(in crate::net) write_shut: bool,
    room_wanted: bool,
    /// How often a neighbour's address is still asked for again.
    retries: u8,
}

/// A datagram that came.
#[derive(Clone, Debug)]
struct Packet {
    data: Vec<u8>,
    about: About,
}

/// All that a program may want to know about a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct About {
    /// Who sent it.
    pub(in crate::net) from: SocketAddr,
    /// Which of our addresses it was for.
    pub(in crate::net) to: IpAddr,
    /// Index of the link.
    pub(in crate::net) link: usize,
    /// Time to live, or hop limit, and type of service, or traffic class.
    pub(in crate::net) hop_limit: u8,
    pub(in crate::net) traffic_class: u8,
    /// When it came, in nanoseconds since the epoch.
    pub(in crate::net) at: u64,
}

/// A datagram that the program got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Received {
    /// Bytes that were copied.
    pub(in crate::net) copied: usize,
    /// Bytes that the datagram had.
    pub(in crate::net) len: usize,
    /// The rest.
    pub(in crate::net) about: About,
}

impl Datagrams {
    fn side(&mut self, link: usize) -> &mut Side {
        let port = self.port;
        self.sides[link].get_or_insert_with(|| {
            let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; QUEUE], vec![0; BUFFER]);
            let mut socket = udp::Socket::new(buffer(), buffer());
            // Cannot fail: the socket is new, and the port not 0.
            let _ = socket.bind(IpListenEndpoint { addr: None, port });
            let mut set = SocketSet::new(Vec::with_capacity(1));
            let handle = set.add(socket);
            (set, handle)
        })
    }

    fn socket(&mut self, link: usize) -> Option<&mut udp::Socket<'static>> {
        let (set, handle) = self.sides[link].as_mut()?;
        Some(set.get_mut(*handle))
    }

    /// The port, and the bytes that wait.
    pub(super) fn listed(&self) -> (u16, usize) {
        (self.port, self.used)
    }

    /// Queues a datagram; there may be no room, and then it is lost.
    fn queue_up(&mut self, data: &[u8], about: About) {
        if self.read_shut
            || self.used + data.len() + OVERHEAD > self.receive_buffer.max(OVERHEAD * 2 + data.len())
        {
            return;
        }
        self.used += data.len() + OVERHEAD;
        self.received.push_back(Packet {
            data: data.to_vec(),
            about,
        });
    }

    /// 0 if it does not want the flow, more the better it fits.
    fn fitness(&self, flow: Flow) -> u32 {
        if self.port != flow.local_port || !self.local.covers(flow.local) {
            return 0;
        }
        let address = match (self.local.ip == flow.local, self.local.dual) {
            (true, _) => 2,
            (false, false) => 1,
            (false, true) => 0,
        };
        match self.peer {
            None => 1 + address,
            Some(peer) if peer == flow.remote() => 4 + address,
            Some(_) => 0,
        }
    }
}

impl Stack {
    /// Enters a socket with a bound port.
    pub(in crate::net) fn add_datagrams(
        &mut self,
        (local, port): (Bound, u16),
        queue: &Arc<WaitQueue>,
    ) -> DatagramsId {
        let id = self.datagrams.insert(Datagrams {
            local,
            port,
            peer: None,
            received: VecDeque::new(),
            used: 0,
            receive_buffer: RECEIVE_BUFFER,
            error: None,
            queue: queue.clone(),
            sides: [None, None],
            read_shut: false,
            write_shut: false,
            room_wanted: false,
            retries: 0,
        });
        self.datagram_ports.entry(port).or_default().push(id);
        id
    }

    /// The socket is gone.
    pub(in crate::net) fn remove_datagrams(&mut self, id: DatagramsId) {
        let Some(datagrams) = self.datagrams.try_remove(id) else {
            return;
        };
        let port = datagrams.port;
        if let Some(all) = self.datagram_ports.get_mut(&port) {
            all.retain(|&other| other != id);
            if all.is_empty() {
                self.datagram_ports.remove(&port);
            }
        }
        self.fragments.retain(|&(_, owner)| owner != id);
    }

    /// Sends one datagram, from that address of ours if one is given (`IP_PKTINFO`), and with that time to live.
    ///
    /// # Errors
    ///
    /// `EMSGSIZE`, `EAGAIN`, `ENETUNREACH`, `EINVAL` for an address that is not ours, the socket's error, or `EPIPE` after `shutdown(2)`.
    pub(in crate::net) fn send_datagram(
        &mut self,
        id: DatagramsId,
        parts: &[&[u8]],
        to: SocketAddr,
        (from, hop_limit): (Option<IpAddr>, u8),
    ) -> Result<usize> {
        let target = this_host(to.ip());
        let (link, source) = self.route(target)?;
        self.ask_neighbour(link, target);
        if target.is_loopback() {
            self.own(target)?;
        }
        if from.is_some_and(|from| !self.is_local(from) || from.is_ipv4() != target.is_ipv4()) {
            return Err(Errno::EINVAL);
        }
        let len: usize = parts.iter().map(|part| part.len()).sum();
        self.check_datagram(id, link, len, SocketAddr::new(target, to.port()))?;
        let datagrams = self.datagrams.get_mut(id).ok_or(Errno::EBADF)?;
        let bound = datagrams.local.ip;
        let source = match from {
            Some(from) => from,
            None if bound.is_unspecified() || bound.is_ipv4() != target.is_ipv4() => source,
            None => bound,
        };
        let (set, handle) = datagrams.side(link);
        let mut meta = udp::UdpMetadata::from(IpEndpoint::new(IpAddress::from(target), to.port()));
        meta.local_address = Some(IpAddress::from(source));
        let socket = set.get_mut::<udp::Socket<'_>>(*handle);
        socket.set_hop_limit(Some(hop_limit.max(1)));
        let Ok(out) = socket.send(len, meta) else {
            datagrams.room_wanted = true;
            return Err(Errno::EAGAIN);
        };
        let mut rest = out;
        for part in parts {
            let (head, tail) = rest.split_at_mut(part.len());
            head.copy_from_slice(part);
            rest = tail;
        }
        datagrams.retries = RETRIES;
        self.flush_datagrams(id, link);
        self.settle_all(false);
        Ok(len)
    }

    /// Whether a datagram of that length may be sent there now.
    fn check_datagram(&mut self, id: DatagramsId, link: usize, len: usize, to: SocketAddr) -> Result<()> {
        // smoltcp makes no fragments of IPv6 packets.
        let whole = match &mut self.links[link] {
            Some(link) if to.is_ipv6() => link.port.mtu().saturating_sub(HEADERS_V6),
            _ => MAX_PAYLOAD,
        };
        let datagrams = self.datagrams.get_mut(id).ok_or(Errno::EBADF)?;
        if let Some(error) = datagrams.error.take() {
            return Err(error);
        }
        if datagrams.write_shut {
            return Err(Errno::EPIPE);
        }
        match to.port() {
            0 => Err(Errno::EINVAL),
            _ if len > whole.min(MAX_PAYLOAD) => Err(Errno::EMSGSIZE),
            _ => Ok(()),
        }
    }

    /// Takes (or with `peek` looks at) the oldest datagram.
    ///
    /// # Errors
    ///
    /// `EAGAIN`, or the socket's error.
    pub(in crate::net) fn receive_datagram(
        &mut self,
        id: DatagramsId,
        parts: &mut [&mut [u8]],
        peek: bool,
    ) -> Result<Option<Received>> {
        let datagrams = self.datagrams.get_mut(id).ok_or(Errno::EBADF)?;
        if let Some(error) = datagrams.error.take() {
            return Err(error);
        }
        let Some(packet) = datagrams.received.front() else {
            return if datagrams.read_shut {
                Ok(None)
            } else {
                Err(Errno::EAGAIN)
            };
        };
        let (len, about) = (packet.data.len(), packet.about);
        let mut rest = &packet.data[..];
        for part in parts {
            let (head, tail) = rest.split_at(part.len().min(rest.len()));
            part[..head.len()].copy_from_slice(head);
            rest = tail;
        }
        let copied = len - rest.len();
        if !peek {
            datagrams.received.pop_front();
            datagrams.used -= len + OVERHEAD;
        }
        Ok(Some(Received { copied, len, about }))
    }

    /// What `poll(2)` says, as Linux's `udp_poll` has it; the second value is the length of the next datagram (`FIONREAD`, `udp(7)`).
    pub(in crate::net) fn datagram_readiness(&mut self, id: DatagramsId) -> (Poll, usize) {
        let Some(datagrams) = self.datagrams.get_mut(id) else {
            return (Poll::OUT, 0);
        };
        let mut ready = Poll::empty();
        ready.set(Poll::ERR, datagrams.error.is_some());
        ready.set(Poll::IN | Poll::RDHUP, datagrams.read_shut);
        ready.set(Poll::HUP, datagrams.read_shut && datagrams.write_shut);
        let next = datagrams.received.front().map(|packet| packet.data.len());
        ready.set(Poll::IN, ready.contains(Poll::IN) || next.is_some());
        let full = datagrams
            .socket(ETHERNET)
            .is_some_and(|socket| !socket.can_send());
        ready.set(Poll::OUT, !full);
        datagrams.room_wanted |= full;
        (ready, next.unwrap_or(0))
    }

    /// A datagram came.
    pub(super) fn datagram(&mut self, link: usize, frame: Frame, flow: Flow, datagram: Datagram) {
        let Some(id) = self.datagrams_for(flow).filter(|_| self.takes(flow)) else {
            return self.process_for_nobody(link, frame);
        };
        let Some(datagrams) = self.datagrams.get_mut(id) else {
            return;
        };
        let about = About {
            from: flow.remote(),
            to: flow.local,
            link,
            hop_limit: datagram.hop_limit,
            traffic_class: datagram.traffic_class,
            at: crate::time::realtime(),
        };
        datagrams.queue_up(&frame.bytes()[datagram.data], about);
        let queue = datagrams.queue.clone();
        self.wake(queue);
    }

    /// A fragment came: smoltcp collects them; the datagram that is complete is queued.
    fn fragment_for(&mut self, link: usize, frame: Frame, id: DatagramsId) {
        let now = self.now;
        let header = if link == ETHERNET { ETHERNET_HEADER } else { 0 };
        let bytes = frame.bytes();
        // All fragments of a datagram have the same (RFC 791).
        let field = |at: usize| bytes.get(header + at).copied().unwrap_or(0);
        let (traffic_class, hop_limit) = (field(1), field(8));
        let Some(datagrams) = self.datagrams.get_mut(id) else {
            return;
        };
        let Some(wire) = &mut self.links[link] else { return };
        process(wire, frame, &mut datagrams.side(link).0, now);
        while let Some(socket) = datagrams.socket(link)
            && let Ok((data, meta)) = socket.recv()
        {
            let data = data.to_vec();
            let about = About {
                from: SocketAddr::new(meta.endpoint.addr.into(), meta.endpoint.port),
                to: meta
                    .local_address
                    .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::from),
                link,
                hop_limit,
                traffic_class,
                at: crate::time::realtime(),
            };
            datagrams.queue_up(&data, about);
        }
        let queue = datagrams.queue.clone();
        self.wake(queue);
    }

    /// True for a datagram from one host to us, or to all of our network.
    fn takes(&self, flow: Flow) -> bool {
        let to_all = |address: IpAddr| match (address, self.ethernet) {
            (IpAddr::V4(address), Some(own)) => {
                let host = u32::MAX.checked_shr(u32::from(own.prefix_len)).unwrap_or(0);
                address.is_broadcast() || own.on_link(address) && u32::from(address) & host == host
            }
            _ => false,
        };
        !flow.remote.is_multicast()
            && !to_all(flow.remote)
            && (self.is_local(flow.local) || to_all(flow.local))
    }

    fn datagrams_for(&self, flow: Flow) -> Option<DatagramsId> {
        let all = self.datagram_ports.get(&flow.local_port)?;
        let fitness = |id: &DatagramsId| {
            self.datagrams
                .get(*id)
                .map_or(0, |datagrams| datagrams.fitness(flow))
        };
        all.iter()
            .copied()
            .max_by_key(|id| fitness(id))
            .filter(|id| fitness(id) > 0)
    }

    /// The first fragment says whose the others are.
    pub(super) fn first_fragment(
        &mut self,
        link: usize,
        frame: Frame,
        key: (Ipv4Addr, Ipv4Addr, u16),
        flow: Flow,
    ) {
        let Some(id) = self.datagrams_for(flow) else {
            return self.process_for_nobody(link, frame);
        };
        if self.fragments.len() >= FRAGMENTS {
            self.fragments.remove(0);
        }
        self.fragments.push((key, id));
        self.fragment_for(link, frame, id);
    }

    /// Fragments are collected by the interface, so only the one that completes the datagram has to be shown to its socket.
    pub(super) fn later_fragment(&mut self, link: usize, frame: Frame, key: (Ipv4Addr, Ipv4Addr, u16)) {
        match self.fragments.iter().rev().find(|(known, _)| *known == key) {
            Some(&(_, id)) => self.fragment_for(link, frame, id),
            None => self.process_for_nobody(link, frame),
        }
    }

    /// ICMP said that nobody listens there (`udp(7)`: reported to connected sockets).
    pub(super) fn datagram_refused(&mut self, flow: Flow) {
        let Some(id) = self.datagrams_for(flow) else {
            return;
        };
        if let Some(datagrams) = self.datagrams.get_mut(id)
            && datagrams.peer == Some(flow.remote())
        {
            datagrams.error = Some(Errno::ECONNREFUSED);
            self.woken.push(datagrams.queue.clone());
        }
    }

    fn flush_datagrams(&mut self, id: DatagramsId, link: usize) {
        let now = smol(self.now);
        let Some(datagrams) = self.datagrams.get_mut(id) else {
            return;
        };
        let (Some(wire), Some((set, handle))) = (&mut self.links[link], &mut datagrams.sides[link]) else {
            return;
        };
        // Each round sends one datagram, or one of its fragments; without a neighbour's address or room it ends at once.
        while wire.interface.poll_egress(now, &mut wire.port, set) == PollResult::SocketStateChanged {}
        // The rest of a fragmented datagram, which smoltcp sends one fragment at a time.
        for _ in 0..FRAGMENTS_MAX {
            if wire.interface.poll_at(now, &self.nobody).is_none() {
                break;
            }
            wire.interface.poll_egress(now, &mut wire.port, &mut self.nobody);
        }
        let waiting = wire.interface.poll_at(now, set).is_some();
        let full = core::mem::take(&mut wire.port.full);
        // If there is none, an interrupt will come, and `receive` sends again.
        let room = full && wire.port.device().is_some_and(|device| device.wait_for_room());
        if datagrams.room_wanted && set.get_mut::<udp::Socket<'_>>(*handle).can_send() {
            datagrams.room_wanted = false;
            self.woken.push(datagrams.queue.clone());
        }
        let asked = waiting && datagrams.retries > 0;
        if asked || room {
            self.retry_soon(if room { PATIENCE } else { RETRY });
        }
    }

    /// Asks again for neighbours that did not answer, as long as there is hope.
    pub(super) fn retry_datagrams(&mut self) {
        for (_, datagrams) in &mut self.datagrams {
            datagrams.retries = datagrams.retries.saturating_sub(1);
        }
        self.send_datagrams_of_all();
    }

    /// After an ARP packet: datagrams that wait for a neighbour's address.
    pub(super) fn send_datagrams_of_all(&mut self) {
        let all = self
            .datagrams
            .iter()
            .filter_map(|(id, datagrams)| datagrams.sides[ETHERNET].is_some().then_some(id));
        for id in all.collect::<Vec<_>>() {
            self.flush_datagrams(id, ETHERNET);
        }
    }
}
