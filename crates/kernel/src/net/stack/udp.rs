//! UDP sockets: per socket one smoltcp socket for the loopback link and one for the card's, made when first needed.

use super::{DatagramsId, ETHERNET, LOOPBACK, Stack, input::process, output::PATIENCE, smol};
use crate::{
    errno::{Errno, Result},
    file::Poll,
    net::{link::Frame, packet::Flow},
    wait::WaitQueue,
};
use alloc::{sync::Arc, vec, vec::Vec};
use core::{
    net::{Ipv4Addr, SocketAddrV4},
    time::Duration,
};
use smoltcp::{
    iface::{PollResult, SocketHandle, SocketSet},
    socket::udp,
    wire::{IpAddress, IpEndpoint, IpListenEndpoint},
};

/// Bytes of a receive or send buffer per link.
const BUFFER: usize = 64 * 1024;
/// Most datagrams that wait in a buffer.
const QUEUE: usize = 256;
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
    pub(in crate::net) local: SocketAddrV4,
    pub(in crate::net) peer: Option<SocketAddrV4>,
    /// `SO_ERROR`.
    pub(in crate::net) error: Option<Errno>,
    queue: Arc<WaitQueue>,
    sides: [Option<Side>; 2],
    /// `IP_TTL`.
    pub(in crate::net) hop_limit: u8,
    pub(in crate::net) read_shut: bool,
    pub(in crate::net) write_shut: bool,
    room_wanted: bool,
    /// How often a neighbour's address is still asked for again.
    retries: u8,
}

/// A received datagram's particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Received {
    /// Bytes that were copied.
    pub(in crate::net) copied: usize,
    /// Bytes that the datagram had.
    pub(in crate::net) len: usize,
    /// Who sent it.
    pub(in crate::net) from: SocketAddrV4,
}

impl Datagrams {
    fn side(&mut self, link: usize) -> &mut Side {
        let (port, hop_limit) = (self.local.port(), self.hop_limit);
        self.sides[link].get_or_insert_with(|| {
            let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; QUEUE], vec![0; BUFFER]);
            let mut socket = udp::Socket::new(buffer(), buffer());
            // Cannot fail: the socket is new, and the port not 0.
            let _ = socket.bind(IpListenEndpoint { addr: None, port });
            socket.set_hop_limit(Some(hop_limit.max(1)));
            let mut set = SocketSet::new(Vec::with_capacity(1));
            let handle = set.add(socket);
            (set, handle)
        })
    }

    fn socket(&mut self, link: usize) -> Option<&mut udp::Socket<'static>> {
        let (set, handle) = self.sides[link].as_mut()?;
        Some(set.get_mut(*handle))
    }

    /// The side whose turn it is to be read.
    fn readable(&mut self) -> Option<&mut udp::Socket<'static>> {
        let link = [LOOPBACK, ETHERNET]
            .into_iter()
            .find(|&link| self.socket(link).is_some_and(|socket| socket.can_recv()))?;
        self.socket(link)
    }

    /// 0 if it does not want the flow, more the better it fits.
    fn fitness(&self, flow: Flow) -> u32 {
        if self.local.port() != flow.local_port {
            return 0;
        }
        let address = match *self.local.ip() {
            any if any.is_unspecified() => 0,
            own if own == flow.local => 1,
            _ => return 0,
        };
        match self.peer {
            None => 1 + address,
            Some(peer) if peer == flow.remote() => 3 + address,
            Some(_) => 0,
        }
    }
}

impl Stack {
    /// Enters a socket with a bound port.
    pub(in crate::net) fn add_datagrams(
        &mut self,
        local: SocketAddrV4,
        queue: &Arc<WaitQueue>,
    ) -> DatagramsId {
        let id = self.datagrams.insert(Datagrams {
            local,
            peer: None,
            error: None,
            queue: queue.clone(),
            sides: [None, None],
            hop_limit: 64,
            read_shut: false,
            write_shut: false,
            room_wanted: false,
            retries: 0,
        });
        self.datagram_ports.entry(local.port()).or_default().push(id);
        id
    }

    /// The socket is gone.
    pub(in crate::net) fn remove_datagrams(&mut self, id: DatagramsId) {
        let Some(datagrams) = self.datagrams.try_remove(id) else {
            return;
        };
        let port = datagrams.local.port();
        if let Some(all) = self.datagram_ports.get_mut(&port) {
            all.retain(|&other| other != id);
            if all.is_empty() {
                self.datagram_ports.remove(&port);
            }
        }
        self.fragments.retain(|&(_, owner)| owner != id);
    }

    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// `EMSGSIZE`, `EAGAIN`, `ENETUNREACH`, the socket's error, or `EPIPE` after `shutdown(2)`.
    pub(in crate::net) fn send_datagram(
        &mut self,
        id: DatagramsId,
        parts: &[&[u8]],
        to: SocketAddrV4,
    ) -> Result<usize> {
        let target = if to.ip().is_unspecified() {
            Ipv4Addr::LOCALHOST
        } else {
            *to.ip()
        };
        let (link, source) = self.route(target)?;
        self.ask_neighbour(link, target);
        if target.is_loopback() {
            self.own(target)?;
        }
        let datagrams = self.datagrams.get_mut(id).ok_or(Errno::EBADF)?;
        if let Some(error) = datagrams.error.take() {
            return Err(error);
        }
        if datagrams.write_shut {
            return Err(Errno::EPIPE);
        }
        let len: usize = parts.iter().map(|part| part.len()).sum();
        if len > MAX_PAYLOAD || to.port() == 0 {
            return Err(if to.port() == 0 {
                Errno::EINVAL
            } else {
                Errno::EMSGSIZE
            });
        }
        let bound = *datagrams.local.ip();
        let source = if bound.is_unspecified() { source } else { bound };
        let (set, handle) = datagrams.side(link);
        let mut meta = udp::UdpMetadata::from(IpEndpoint::new(IpAddress::Ipv4(target), to.port()));
        meta.local_address = Some(IpAddress::Ipv4(source));
        let Ok(out) = set.get_mut::<udp::Socket<'_>>(*handle).send(len, meta) else {
            datagrams.room_wanted = true;
            return Err(Errno::EAGAIN);
        };
        let mut rest = out;
        for part in parts {
            let (head, tail) = rest.split_at_mut(part.len());
            head.copy_from_slice(part);
            rest = tail;
        }
        if let Some(datagrams) = self.datagrams.get_mut(id) {
            datagrams.retries = RETRIES;
        }
        self.flush_datagrams(id, link);
        self.settle_all(false);
        Ok(len)
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
        let over = datagrams.read_shut;
        let Some(socket) = datagrams.readable() else {
            return if over { Ok(None) } else { Err(Errno::EAGAIN) };
        };
        let (data, meta) = if peek {
            socket
                .peek()
                .map(|(data, meta)| (data, *meta))
                .map_err(|_| Errno::EAGAIN)?
        } else {
            socket.recv().map_err(|_| Errno::EAGAIN)?
        };
        let mut rest = data;
        for part in parts {
            let (head, tail) = rest.split_at(part.len().min(rest.len()));
            part[..head.len()].copy_from_slice(head);
            rest = tail;
        }
        let IpAddress::Ipv4(from) = meta.endpoint.addr else {
            return Err(Errno::EAGAIN);
        };
        let from = SocketAddrV4::new(from, meta.endpoint.port);
        Ok(Some(Received {
            copied: data.len() - rest.len(),
            len: data.len(),
            from,
        }))
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
        let next = datagrams
            .readable()
            .map(|socket| socket.peek().map_or(0, |(data, _)| data.len()));
        ready.set(Poll::IN, ready.contains(Poll::IN) || next.is_some());
        let full = datagrams
            .socket(ETHERNET)
            .is_some_and(|socket| !socket.can_send());
        ready.set(Poll::OUT, !full);
        datagrams.room_wanted |= full;
        (ready, next.unwrap_or(0))
    }

    /// A datagram came.
    pub(super) fn datagram(&mut self, link: usize, frame: Frame, flow: Flow) {
        match self.datagrams_for(flow) {
            Some(id) => self.datagram_for(link, frame, id),
            None => self.process_for_nobody(link, frame),
        }
    }

    fn datagram_for(&mut self, link: usize, frame: Frame, id: DatagramsId) {
        let now = self.now;
        let Some(datagrams) = self.datagrams.get_mut(id) else {
            return;
        };
        let Some(wire) = &mut self.links[link] else { return };
        process(wire, frame, &mut datagrams.side(link).0, now);
        let queue = datagrams.queue.clone();
        self.wake(queue);
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
        self.datagram_for(link, frame, id);
    }

    /// Fragments are collected by the interface, so only the one that completes the datagram has to be shown to its socket.
    pub(super) fn later_fragment(&mut self, link: usize, frame: Frame, key: (Ipv4Addr, Ipv4Addr, u16)) {
        match self.fragments.iter().rev().find(|(known, _)| *known == key) {
            Some(&(_, id)) => self.datagram_for(link, frame, id),
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
