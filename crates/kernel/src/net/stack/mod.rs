//! The TCP/IP stack: smoltcp's protocol machines, one per connection, between our own demultiplexer and timer queue.
//!
//! smoltcp polls *all* sockets of a set for each packet. Here each connection is alone in a [`SocketSet`]: a received packet is
//! looked up in [`Stack::flows`] and shown to that one set; only sets that are *dirty* (something was received, written, read
//! or timed out) are asked to send; and a set's next deadline stands in [`Stack::timers`]. So work is per packet, not per socket, and
//! an idle connection costs nothing.
//!
//! All methods run under one lock ([`super::with_stack`]), never block and never wake anybody: they collect the queues to be woken
//! in [`Stack::woken`], for the caller to wake after unlocking.

mod connection;
mod input;
mod listener;
mod listing;
mod neighbour;
mod output;
mod time_wait;
mod udp;

pub(super) use connection::{Connection, Settings, this_host};
pub(super) use listener::Listener;
pub(super) use listing::{Listed, state_number};
pub(super) use udp::{About, Datagrams, RECEIVE_BUFFER};

use super::{
    link::{Frame, Port},
    packet::Flow,
    ports::Ports,
};
use crate::{
    drivers::net::NetDevice,
    errno::{Errno, Result},
    time::Instant,
    wait::WaitQueue,
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use slab::Slab;
use smoltcp::{
    iface::{Config, Interface, SocketSet},
    time::Instant as SmolInstant,
    wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr},
};

/// Index of the loopback link.
pub(super) const LOOPBACK: usize = 0;
/// Index of the card's link.
pub(super) const ETHERNET: usize = 1;
/// Most frames taken from the card before those who wait for them get their turn.
const BATCH: usize = 256;

/// Bytes of memory that are reckoned with unless the stack is told better.
const MEMORY: usize = 256 << 20;

/// Key of a connection.
pub(super) type ConnectionId = usize;
/// Key of a listener.
pub(super) type ListenerId = usize;
/// Key of a UDP socket.
pub(super) type DatagramsId = usize;

/// One IP interface.
pub(super) struct Link {
    pub(super) interface: Interface,
    pub(super) port: Port,
}

/// The address configuration of the card's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ethernet {
    /// Our address.
    pub(super) address: Ipv4Addr,
    /// Prefix length of the network in bits.
    pub(super) prefix_len: u8,
    /// The router for everything else.
    pub(super) gateway: Option<Ipv4Addr>,
}

impl Ethernet {
    /// True if the address is in the network itself, not behind the gateway.
    pub(super) fn on_link(&self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix_len)).unwrap_or(0);
        (u32::from(address) ^ u32::from(self.address)) & mask == 0
    }
}

/// See the [module's documentation](self).
pub(super) struct Stack {
    pub(super) now: Instant,
    pub(super) links: [Option<Box<Link>>; 2],
    pub(super) ethernet: Option<Ethernet>,
    /// IPv6 addresses of the card, with prefix lengths; the link-local one first.
    pub(super) own_v6: Vec<(Ipv6Addr, u8)>,
    /// The router for other IPv6 networks.
    pub(super) gateway_v6: Option<Ipv6Addr>,
    pub(super) ports: Ports,
    pub(super) connections: Slab<Connection>,
    pub(super) flows: BTreeMap<Flow, ConnectionId>,
    pub(super) listeners: Slab<Listener>,
    pub(super) listening: BTreeMap<u16, Vec<ListenerId>>,
    pub(super) datagrams: Slab<Datagrams>,
    pub(super) datagram_ports: BTreeMap<u16, Vec<DatagramsId>>,
    pub(super) timers: BTreeSet<(Instant, ConnectionId)>,
    /// When those are tried again who found no room, or no neighbour's address.
    retry: Option<Instant>,
    /// Queues to be woken once the stack is unlocked.
    pub(super) woken: Vec<Arc<WaitQueue>>,
    /// Connections that have to be asked whether they want to send.
    dirty: Vec<ConnectionId>,
    /// Connections that could not send for want of room in the card's queue.
    blocked: Vec<ConnectionId>,
    orphans: VecDeque<(ConnectionId, u64)>,
    serial: u64,
    time_wait: time_wait::TimeWait,
    fragments: Vec<((Ipv4Addr, Ipv4Addr, u16), DatagramsId)>,
    spare: Vec<SocketSet<'static>>,
    spare_large: Vec<SocketSet<'static>>,
    /// Bytes of the buffers of connections and spare sockets.
    pub(super) buffered: usize,
    /// Bytes of memory that there are.
    memory: usize,
    nobody: SocketSet<'static>,
    neighbours: neighbour::Neighbours,
    seed: u64,
}

impl Stack {
    /// A stack with loopback, and with the card if there is one; `seed` should differ from boot to boot.
    pub(super) fn new(card: Option<(Box<dyn NetDevice>, Option<Ethernet>)>, seed: u64, now: Instant) -> Self {
        let port = Port::loopback();
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut loopback = new_link(config, port, now);
        add_address(&mut loopback.interface, Ipv4Addr::LOCALHOST.into(), 8);
        add_address(&mut loopback.interface, Ipv6Addr::LOCALHOST.into(), 128);
        let mut stack = Self {
            now,
            links: [Some(loopback), None],
            ethernet: None,
            own_v6: Vec::new(),
            gateway_v6: None,
            ports: Ports::default(),
            connections: Slab::new(),
            flows: BTreeMap::new(),
            listeners: Slab::new(),
            listening: BTreeMap::new(),
            datagrams: Slab::new(),
            datagram_ports: BTreeMap::new(),
            timers: BTreeSet::new(),
            retry: None,
            woken: Vec::new(),
            dirty: Vec::new(),
            blocked: Vec::new(),
            orphans: VecDeque::new(),
            serial: 0,
            time_wait: time_wait::TimeWait::default(),
            fragments: Vec::new(),
            spare: Vec::new(),
            spare_large: Vec::new(),
            buffered: 0,
            memory: MEMORY,
            nobody: SocketSet::new(Vec::new()),
            neighbours: neighbour::Neighbours::default(),
            seed: seed | 1,
        };
        if let Some((device, ethernet)) = card {
            stack.add_card(device, ethernet);
        }
        stack
    }

    fn add_card(&mut self, device: Box<dyn NetDevice>, ethernet: Option<Ethernet>) {
        let mac = EthernetAddress(device.mac());
        // A multicast address is a defect of the monitor's; the interface would panic.
        let mac = if mac.is_unicast() {
            mac
        } else {
            EthernetAddress([2, 0, 0, 0, 0, 1])
        };
        let port = Port::ethernet(device);
        let mut config = Config::new(HardwareAddress::Ethernet(mac));
        config.random_seed = self.seed.rotate_left(32);
        let mut link = new_link(config, port, self.now);
        if let Some(ethernet) = ethernet {
            add_address(&mut link.interface, ethernet.address.into(), ethernet.prefix_len);
            if let Some(gateway) = ethernet.gateway {
                // There is room for a route in a new interface.
                let _ = link.interface.routes_mut().add_default_ipv4_route(gateway);
            }
            if let Some(loopback) = &mut self.links[LOOPBACK] {
                add_address(&mut loopback.interface, ethernet.address.into(), 32);
            }
        }
        self.ethernet = ethernet;
        self.links[ETHERNET] = Some(link);
        self.add_ipv6(link_local(mac.0), 64);
    }

    /// Says how many bytes of memory there are, a part of which connections may take.
    pub(super) fn set_memory(&mut self, bytes: usize) {
        self.memory = bytes;
    }

    /// Gives the card an IPv6 address; more than a few are refused for want of room (`false`).
    pub(super) fn add_ipv6(&mut self, address: Ipv6Addr, prefix_len: u8) -> bool {
        let [Some(loopback), Some(card)] = &mut self.links else {
            return false;
        };
        let added = add_address(&mut card.interface, address.into(), prefix_len)
            && add_address(&mut loopback.interface, address.into(), 128);
        if added {
            self.own_v6.push((address, prefix_len));
        }
        added
    }

    /// Sets the router for other IPv6 networks.
    pub(super) fn set_gateway_v6(&mut self, gateway: Ipv6Addr) {
        if let Some(link) = &mut self.links[ETHERNET] {
            // There is room for a route in a new interface.
            let _ = link.interface.routes_mut().add_default_ipv6_route(gateway);
            self.gateway_v6 = Some(gateway);
        }
    }

    /// A random number, good enough to choose ports.
    pub(super) fn random(&mut self) -> u32 {
        // xorshift64* (Vigna, 2016).
        self.seed ^= self.seed >> 12;
        self.seed ^= self.seed << 25;
        self.seed ^= self.seed >> 27;
        (self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32
    }

    /// True if packets to that address come back to us.
    pub(super) fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback()
            || match address {
                IpAddr::V4(address) => self.ethernet.is_some_and(|ethernet| ethernet.address == address),
                IpAddr::V6(address) => self.own_v6.iter().any(|&(own, _)| own == address),
            }
    }

    /// True if the address is in a network of the card's link, not behind a gateway.
    pub(super) fn on_link(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.ethernet.is_some_and(|ethernet| ethernet.on_link(address)),
            IpAddr::V6(address) => self.source_v6(address).is_some(),
        }
    }

    /// Our address in the network of that one.
    fn source_v6(&self, to: Ipv6Addr) -> Option<Ipv6Addr> {
        let in_network = |&&(own, prefix_len): &&(Ipv6Addr, u8)| {
            let mask = u128::MAX.checked_shl(128 - u32::from(prefix_len)).unwrap_or(0);
            (own.to_bits() ^ to.to_bits()) & mask == 0
        };
        self.own_v6.iter().find(in_network).map(|&(own, _)| own)
    }

    /// Which link leads to that address, and which address of ours is the source.
    ///
    /// # Errors
    ///
    /// `ENETUNREACH`.
    pub(super) fn route(&self, to: IpAddr) -> Result<(usize, IpAddr)> {
        match to {
            IpAddr::V4(to) if to.is_loopback() => Ok((LOOPBACK, Ipv4Addr::LOCALHOST.into())),
            _ if self.is_local(to) => Ok((LOOPBACK, to)),
            IpAddr::V4(to) => self.route_v4(to),
            IpAddr::V6(to) => self.route_v6(to),
        }
    }

    fn route_v6(&self, to: Ipv6Addr) -> Result<(usize, IpAddr)> {
        let source = match self.source_v6(to) {
            Some(source) => Some(source),
            None if to.is_multicast() => self.own_v6.first().map(|&(own, _)| own),
            None => self.gateway_v6.and_then(|gateway| {
                let global = |own: &&(Ipv6Addr, u8)| !own.0.is_unicast_link_local();
                let any = self.own_v6.iter().find(global).map(|&(own, _)| own);
                any.or_else(|| self.source_v6(gateway))
            }),
        };
        source
            .map(|source| (ETHERNET, source.into()))
            .ok_or(Errno::ENETUNREACH)
    }

    fn route_v4(&self, to: Ipv4Addr) -> Result<(usize, IpAddr)> {
        let ethernet = self.ethernet.ok_or(Errno::ENETUNREACH)?;
        let reachable = ethernet.on_link(to) || ethernet.gateway.is_some() || to.is_broadcast();
        if reachable {
            Ok((ETHERNET, ethernet.address.into()))
        } else {
            Err(Errno::ENETUNREACH)
        }
    }

    /// Makes an address of 127.0.0.0/8 ours, or says that it is.
    ///
    /// # Errors
    ///
    /// `EADDRNOTAVAIL` for an address that is not ours, and where too many loopback addresses are in use.
    pub(super) fn own(&mut self, address: IpAddr) -> Result<()> {
        if address.is_unspecified() {
            return Ok(());
        }
        if !self.is_local(address) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        let Some(loopback) = &mut self.links[LOOPBACK] else {
            return Ok(());
        };
        if loopback.interface.has_ip_addr(address) || add_address(&mut loopback.interface, address, 8) {
            Ok(())
        } else {
            Err(Errno::EADDRNOTAVAIL)
        }
    }

    /// Takes what the card received, and lets everybody answer. True if the card may have more.
    pub(super) fn receive(&mut self) -> bool {
        let mut count = 0;
        while count < BATCH
            && let Some(frame) = self.next_frame(ETHERNET)
        {
            self.input(ETHERNET, frame);
            count += 1;
        }
        // A completed send may have interrupted us.
        if !self.datagrams.is_empty() && count == 0 {
            self.send_datagrams_of_all();
        }
        self.unblock();
        self.settle_all(count > 0);
        count == BATCH
    }

    /// Switches the card's receive interrupts; true if frames came in before they were on.
    pub(super) fn receive_interrupts(&mut self, on: bool) -> bool {
        let device = self.links[ETHERNET].as_mut().and_then(|link| link.port.device());
        device.is_some_and(|device| device.set_receive_interrupts(on))
    }

    /// Serves the timers that are due.
    pub(super) fn expire(&mut self) {
        while let Some(&(deadline, id)) = self.timers.first()
            && deadline <= self.now
        {
            self.timers.pop_first();
            if let Some(connection) = self.connections.get_mut(id) {
                connection.deadline = None;
            }
            self.timer_fired(id);
        }
        if self.retry.is_some_and(|at| at <= self.now) {
            self.retry = None;
            self.unblock();
            self.retry_datagrams();
        }
        self.settle_all(false);
    }

    /// When [`expire`](Self::expire) has something to do next.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let first = self.timers.first().map(|&(deadline, _)| deadline);
        [first, self.retry].into_iter().flatten().min()
    }

    /// Has a queue woken once the stack is unlocked; a burst of packets for one socket wakes it once.
    fn wake(&mut self, queue: Arc<WaitQueue>) {
        if !self.woken.last().is_some_and(|last| Arc::ptr_eq(last, &queue)) {
            self.woken.push(queue);
        }
    }

    /// Puts a connection on the list of those to be asked whether they want to send.
    pub(super) fn mark(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id)
            && !core::mem::replace(&mut connection.dirty, true)
        {
            self.dirty.push(id);
        }
    }

    /// Lets the dirty connections send and delivers what went to ourselves, until all is quiet; then one doorbell.
    pub(super) fn settle_all(&mut self, received: bool) {
        loop {
            while let Some(id) = self.dirty.pop() {
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.dirty = false;
                    self.output(id);
                }
            }
            match self.next_frame(LOOPBACK) {
                Some(frame) => self.input(LOOPBACK, frame),
                // The queue is empty now, for those of our own link who found it full.
                None if self.blocked.iter().any(|&id| self.is_on_loopback(id)) => self.unblock(),
                None if self.dirty.is_empty() => break,
                None => {}
            }
        }
        if let Some(link) = &mut self.links[ETHERNET] {
            link.port.kick(received);
        }
    }

    fn is_on_loopback(&self, id: ConnectionId) -> bool {
        self.connections
            .get(id)
            .is_some_and(|connection| connection.link == LOOPBACK)
    }

    fn next_frame(&mut self, link: usize) -> Option<Frame> {
        self.links[link].as_mut()?.port.next_frame()
    }
}

impl core::fmt::Debug for Stack {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Stack")
            .field("connections", &self.connections.len())
            .field("listeners", &self.listeners.len())
            .field("datagrams", &self.datagrams.len())
            .finish_non_exhaustive()
    }
}

/// Not inlined: an interface is ten kilobytes, and kernel stacks are small.
#[inline(never)]
fn new_link(config: Config, mut port: Port, now: Instant) -> Box<Link> {
    let interface = Interface::new(config, &mut port, smol(now));
    Box::new(Link { interface, port })
}

/// False if the interface has no room for one more.
fn add_address(interface: &mut Interface, address: IpAddr, prefix_len: u8) -> bool {
    let mut added = false;
    let (broadcast, longest) = match address {
        IpAddr::V4(address) => (address.is_broadcast(), 32),
        IpAddr::V6(_) => (false, 128),
    };
    let unicast = !address.is_unspecified() && !address.is_multicast() && !broadcast;
    if unicast && prefix_len <= longest {
        interface.update_ip_addrs(|all| {
            added = all
                .push(IpCidr::new(IpAddress::from(address), prefix_len))
                .is_ok()
        });
    }
    added
}

/// The link-local address of a card (RFC 4291, appendix A: the modified EUI-64).
fn link_local([a, b, c, d, e, f]: [u8; 6]) -> Ipv6Addr {
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

/// Our time as smoltcp's.
pub(super) fn smol(now: Instant) -> SmolInstant {
    SmolInstant::from_micros((now.0 / 1000) as i64)
}

/// smoltcp's time as ours.
fn from_smol(instant: SmolInstant) -> Instant {
    Instant(
        u64::try_from(instant.total_micros())
            .unwrap_or(0)
            .saturating_mul(1000),
    )
}
