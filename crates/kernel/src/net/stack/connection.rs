//! One TCP connection, from the first SYN until nothing of it is left, and what a socket can do with it.

use super::{ConnectionId, LOOPBACK, ListenerId, Stack};
use crate::{
    errno::{Errno, Result},
    file::Poll,
    net::packet::{Flow, Segment},
    net::ports::{Ports, Protocol},
    time::Instant,
    wait::WaitQueue,
};
use alloc::{
    alloc::{Layout, alloc_zeroed},
    sync::Arc,
    vec::Vec,
};
use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use smoltcp::{
    iface::{SocketHandle, SocketSet},
    socket::tcp,
    time::Duration as SmolDuration,
    wire::{IpAddress, IpEndpoint, IpListenEndpoint},
};

/// Bytes of a receive or send buffer unless `SO_RCVBUF` or `SO_SNDBUF` says otherwise.
pub(in crate::net) const BUFFER: usize = 32 * 1024;
/// Most bytes of a receive buffer: as many as a window has without scaling (RFC 7323, 2.3). With scaling smoltcp rounds the window down and holds the peer to that,
/// also where it had been told of more: the last few bytes of what is under way are cut off, and have to be sent again.
const MAX_RECEIVE: usize = 65_535;
/// Bytes of the receive and the send buffer of a connection while there are few: what is under way between two ends that take turns on one processor is a good
/// part of it. Memory that a ring does not get to stays untouched, and a ring that is empty begins at its beginning again.
const LARGE: (usize, usize) = (MAX_RECEIVE, 180 * FULL_SEGMENT);
/// The same for most connections.
const USUAL: (usize, usize) = (BUFFER, full_segments(BUFFER));
/// The same while there are very many.
const SCANT: (usize, usize) = (4096, 4096);
/// All buffers take at most this part of memory as large ones, and twice that as large and usual ones.
const LARGE_PART: usize = 8;
/// Most unused sockets (with their buffers) that are kept for the next connections.
const SPARE: usize = 64;
const SPARE_LARGE: usize = 8;
/// How long a connection is attempted (`tcp(7)`, `tcp_syn_retries` 6).
const CONNECT_TIMEOUT: SmolDuration = SmolDuration::from_secs(127);
/// How long unacknowledged data is sent again (`tcp(7)`, `tcp_retries2` 15).
pub(super) const SEND_TIMEOUT: SmolDuration = SmolDuration::from_secs(924);
/// How long a closed connection may take to say good-bye without hearing from its peer (`tcp(7)`, `tcp_fin_timeout`).
pub(super) const ORPHAN_TIMEOUT: Duration = Duration::from_secs(60);
/// Most closed connections that are still busy; the oldest gives way.
const ORPHANS: usize = 4096;
/// How long an ACK waits for data to go with it.
const ACK_DELAY: SmolDuration = SmolDuration::from_millis(10);
/// `MSG_MORE` and `TCP_CORK` hold partial segments back no longer (`tcp(7)`).
const CORK_TIMEOUT: Duration = Duration::from_millis(200);
/// As many bytes are a full segment on the card's link, which is never held back.
const FULL_SEGMENT: usize = 1460;

/// Options of a TCP socket that its connection has to know; accepted connections inherit them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Settings {
    /// `SO_RCVBUF`, in bytes.
    pub(in crate::net) receive_buffer: usize,
    /// `SO_SNDBUF`, in bytes.
    pub(in crate::net) send_buffer: usize,
    /// `TCP_NODELAY`.
    pub(in crate::net) no_delay: bool,
    /// `TCP_CORK`.
    pub(in crate::net) cork: bool,
    /// `SO_KEEPALIVE`.
    pub(in crate::net) keep_alive: bool,
    /// `TCP_KEEPIDLE`, in seconds.
    pub(in crate::net) keep_idle: u32,
    /// `TCP_KEEPINTVL`, in seconds.
    pub(in crate::net) keep_interval: u32,
    /// `TCP_KEEPCNT`.
    pub(in crate::net) keep_count: u32,
    /// `TCP_USER_TIMEOUT`, in milliseconds; 0 is the default.
    pub(in crate::net) user_timeout: u32,
    /// `IP_TTL`.
    pub(in crate::net) hop_limit: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            receive_buffer: BUFFER,
            send_buffer: BUFFER,
            no_delay: false,
            cork: false,
            keep_alive: false,
            keep_idle: 7200,
            keep_interval: 75,
            keep_count: 9,
            user_timeout: 0,
            hop_limit: 64,
        }
    }
}

/// To whom a connection belongs.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// A listener; the handshake is not over.
    HalfOpen(ListenerId),
    /// A listener; waits to be accepted.
    Ready,
    /// A socket, whose queue this is.
    Socket(Arc<WaitQueue>),
    /// Nobody: the socket was closed, and data or FINs are still under way.
    Orphan,
}

/// See the [module's documentation](self).
#[derive(Debug)]
pub(in crate::net) struct Connection {
    pub(super) set: SocketSet<'static>,
    pub(super) handle: SocketHandle,
    pub(super) link: usize,
    pub(in crate::net) flow: Flow,
    pub(super) owner: Owner,
    pub(super) settings: Settings,
    /// The state at the last look.
    pub(super) state: tcp::State,
    /// `SO_ERROR`.
    pub(in crate::net) error: Option<Errno>,
    /// The handshake is not over, and a socket waits for it.
    pub(in crate::net) connecting: bool,
    /// The peer's FIN came.
    pub(super) peer_closed: bool,
    /// An RST came.
    pub(super) reset: bool,
    /// The last acknowledgement number that came.
    acknowledged: Option<u32>,
    /// Where the last short segment that left ended, if that is not acknowledged.
    short: Option<u32>,
    /// No packet will come or go any more.
    pub(in crate::net) done: bool,
    /// `shutdown(SHUT_RD)`.
    pub(super) read_shut: bool,
    /// `shutdown(SHUT_WR)`.
    pub(super) write_shut: bool,
    /// Somebody saw that there was no room to write.
    pub(super) room_wanted: bool,
    /// Partial segments wait until then.
    pub(super) corked_until: Option<Instant>,
    /// Bytes that wait so.
    corked: usize,
    /// The connection is given up then.
    pub(super) expires: Option<Instant>,
    /// Its entry in the timer queue.
    pub(super) deadline: Option<Instant>,
    pub(super) dirty: bool,
    pub(super) serial: u64,
}

impl Connection {
    pub(super) fn tcp(&mut self) -> &mut tcp::Socket<'static> {
        self.set.get_mut(self.handle)
    }

    fn apply(&mut self) {
        let settings = self.settings;
        let socket = self.tcp();
        socket.set_hop_limit(Some(settings.hop_limit.max(1)));
        let keep_alive = SmolDuration::from_secs(u64::from(settings.keep_idle.max(1)));
        socket.set_keep_alive(settings.keep_alive.then_some(keep_alive));
        self.update_timeout();
    }

    /// Nagle's algorithm as Linux has it, after Minshall: a short segment waits only for one before it to be acknowledged, and so the end of a long answer leaves
    /// at once (`tcp(7)`). smoltcp's waits for all data, and a peer that delays its ACKs lets that take 40 ms. While the program has more to write, or has said
    /// that it will, the end is not the end, and waits for any data.
    pub(super) fn update_nagle(&mut self) {
        let waits = self.short.is_some() || self.room_wanted || self.settings.cork;
        let nagle = waits && !self.settings.no_delay;
        self.tcp().set_nagle_enabled(nagle);
    }

    /// A segment left; `full` is the payload of a full one.
    pub(super) fn note_sent(&mut self, segment: Segment, full: usize) {
        // Without PSH it is short for want of room in the peer's window, or where our ring ends.
        if segment.push && !(segment.payload_len as usize).is_multiple_of(full) {
            self.short = Some(segment.sequence.wrapping_add(segment.payload_len));
        }
    }

    /// A segment came.
    pub(super) fn note_acknowledged(&mut self, segment: Segment) {
        if let (Some(end), Some(acknowledged)) = (self.short, segment.acknowledged)
            && acknowledged.wrapping_sub(end).cast_signed() >= 0
        {
            self.short = None;
        }
    }

    /// From so many bytes on they leave, corked or not. On loopback a segment may be as large as the buffer; half of that keeps both sides busy.
    fn full_segment(&mut self) -> usize {
        if self.link == LOOPBACK {
            self.tcp().send_capacity() / 2
        } else {
            FULL_SEGMENT
        }
    }

    /// Nothing is held back any more.
    pub(super) const fn uncork(&mut self) {
        self.corked_until = None;
        self.corked = 0;
    }

    /// True for the repetition of an acknowledgement while all that is outstanding is our FIN. smoltcp takes the third for the loss of data, has
    /// none to repeat, and stops the timer that would repeat the FIN.
    pub(super) fn is_idle_repetition(&mut self, segment: Segment) -> bool {
        let repeated =
            core::mem::replace(&mut self.acknowledged, segment.acknowledged) == segment.acknowledged;
        let bare = segment.payload_len == 0 && !(segment.fin || segment.rst || segment.opens);
        let closing = matches!(
            self.state,
            tcp::State::FinWait1 | tcp::State::Closing | tcp::State::LastAck
        );
        repeated && bare && closing && self.tcp().send_queue() == 0
    }

    /// smoltcp gives a connection up when nothing was heard for so long, even an idle one; so the limit is set only while we wait for an answer.
    pub(super) fn update_timeout(&mut self) {
        let settings = self.settings;
        let socket = self.tcp();
        let keep_alive = settings.keep_alive.then(|| {
            let probes = u64::from(settings.keep_interval) * u64::from(settings.keep_count);
            SmolDuration::from_secs(u64::from(settings.keep_idle) + probes)
        });
        let timeout = match socket.state() {
            tcp::State::SynSent => Some(CONNECT_TIMEOUT),
            _ if socket.send_queue() > 0 && settings.user_timeout > 0 => {
                Some(SmolDuration::from_millis(u64::from(settings.user_timeout)))
            }
            _ if socket.send_queue() > 0 => Some(SEND_TIMEOUT),
            _ => keep_alive,
        };
        if socket.timeout() != timeout {
            socket.set_timeout(timeout);
        }
    }
}

impl Stack {
    /// A closed smoltcp socket in a set of its own.
    fn new_socket(&mut self, settings: &Settings) -> Result<(SocketSet<'static>, SocketHandle)> {
        let standard = (settings.receive_buffer, settings.send_buffer) == (BUFFER, BUFFER);
        let spare = match standard {
            true => self.spare_large.pop().or_else(|| self.spare.pop()),
            false => None,
        };
        if let Some(set) = spare {
            let first = set.iter().next().map(|(handle, _)| handle);
            if let Some(handle) = first {
                return Ok((set, handle));
            }
        }
        let (receive, send) = if standard {
            self.fitting_buffers()
        } else {
            (
                settings.receive_buffer.min(MAX_RECEIVE),
                full_segments(settings.send_buffer),
            )
        };
        let socket = tcp::Socket::new(ring(receive)?, ring(send)?);
        self.buffered += receive + send;
        let mut set = SocketSet::new(Vec::with_capacity(1));
        let handle = set.add(socket);
        Ok((set, handle))
    }

    /// Bytes of the buffers of a new connection: the more there are, the less each gets.
    fn fitting_buffers(&self) -> (usize, usize) {
        let part = self.memory / LARGE_PART;
        if self.buffered + LARGE.0 + LARGE.1 <= part {
            LARGE
        } else if self.buffered + USUAL.0 + USUAL.1 <= 2 * part {
            USUAL
        } else {
            SCANT
        }
    }

    /// Enters a new connection; its socket is closed yet.
    pub(super) fn new_connection(
        &mut self,
        link: usize,
        flow: Flow,
        owner: Owner,
        settings: Settings,
    ) -> Result<ConnectionId> {
        let (set, handle) = self.new_socket(&settings)?;
        self.serial += 1;
        let mut connection = Connection {
            set,
            handle,
            link,
            flow,
            owner,
            settings,
            state: tcp::State::Closed,
            error: None,
            connecting: false,
            peer_closed: false,
            reset: false,
            acknowledged: None,
            short: None,
            done: false,
            read_shut: false,
            write_shut: false,
            room_wanted: false,
            corked_until: None,
            corked: 0,
            expires: None,
            deadline: None,
            dirty: false,
            serial: self.serial,
        };
        connection.apply();
        // On our own link nothing but the receiver can be congested; smoltcp's Reno starts with two segments, which hurts short answers.
        let near = link == LOOPBACK || self.on_link(flow.remote);
        let control = if near {
            tcp::CongestionControl::None
        } else {
            tcp::CongestionControl::Reno
        };
        let socket = connection.tcp();
        socket.set_congestion_control(control);
        // An ACK to ourselves costs next to nothing, and a peer with Nagle's algorithm waits for it.
        socket.set_ack_delay((link != LOOPBACK).then_some(ACK_DELAY));
        let id = self.connections.insert(connection);
        self.flows.insert(flow, id);
        Ok(id)
    }

    /// Forgets a connection; its buffers are kept for the next one.
    pub(super) fn remove(&mut self, id: ConnectionId) {
        let Some(mut connection) = self.connections.try_remove(id) else {
            return;
        };
        if let Some(deadline) = connection.deadline {
            self.timers.remove(&(deadline, id));
        }
        if self.flows.get(&connection.flow) == Some(&id) {
            self.flows.remove(&connection.flow);
        }
        if let Owner::HalfOpen(listener) = connection.owner
            && let Some(listener) = self.listeners.get_mut(listener)
        {
            listener.half_open.retain(|&other| other != id);
        }
        let socket = connection.tcp();
        let capacity = (socket.recv_capacity(), socket.send_capacity());
        // `listen` and `connect` start from a closed socket.
        socket.abort();
        match capacity {
            USUAL if self.spare.len() < SPARE => self.spare.push(connection.set),
            LARGE if self.spare_large.len() < SPARE_LARGE => {
                self.spare_large.push(connection.set);
            }
            (receive, send) => self.buffered -= receive + send,
        }
    }

    /// Starts a connection (`connect(2)`) from `local`, whose port or address may be 0.
    ///
    /// # Errors
    ///
    /// `ENETUNREACH`, `EADDRNOTAVAIL`, `EADDRINUSE`, `ENOBUFS`.
    pub(in crate::net) fn connect(
        &mut self,
        local: SocketAddr,
        remote: SocketAddr,
        settings: Settings,
        queue: &Arc<WaitQueue>,
    ) -> Result<ConnectionId> {
        // `ip(7)`: the unspecified address as a target is this host.
        let target = this_host(remote.ip());
        let remote = SocketAddr::new(target, remote.port());
        let (link, source) = self.route(target)?;
        self.ask_neighbour(link, target);
        if target.is_loopback() {
            self.own(target)?;
        }
        let source = if local.ip().is_unspecified() {
            source
        } else if local.is_ipv4() == remote.is_ipv4() {
            local.ip()
        } else {
            return Err(Errno::EINVAL);
        };
        let port = if local.port() != 0 {
            local.port()
        } else {
            self.free_port(source, remote)?
        };
        let flow = Flow::new(SocketAddr::new(source, port), remote);
        if self.flows.contains_key(&flow) {
            return Err(Errno::EADDRNOTAVAIL);
        }
        self.time_wait.remove(&flow);
        let id = self.new_connection(link, flow, Owner::Socket(queue.clone()), settings)?;
        let Some(connection) = self.connections.get_mut(id) else {
            return Err(Errno::ENOBUFS);
        };
        let Some(link) = &mut self.links[link] else {
            return Err(Errno::ENETUNREACH);
        };
        let socket: &mut tcp::Socket<'_> = connection.set.get_mut(connection.handle);
        let remote = IpEndpoint::new(IpAddress::from(target), remote.port());
        let local = IpListenEndpoint {
            addr: Some(IpAddress::from(source)),
            port,
        };
        if socket.connect(link.interface.context(), remote, local).is_err() {
            self.remove(id);
            return Err(Errno::EADDRNOTAVAIL);
        }
        connection.connecting = true;
        connection.state = tcp::State::SynSent;
        connection.update_timeout();
        self.mark(id);
        self.settle_all(false);
        Ok(id)
    }

    fn free_port(&mut self, source: IpAddr, remote: SocketAddr) -> Result<u16> {
        let random = self.random();
        let now = self.now;
        self.time_wait.purge(now);
        Ports::ephemeral(random, |port| {
            let flow = Flow::new(SocketAddr::new(source, port), remote);
            self.ports.is_free(Protocol::Tcp, port)
                && !self.flows.contains_key(&flow)
                && !self.time_wait.contains(&flow)
        })
        .map_err(|_| Errno::EADDRNOTAVAIL)
    }

    /// True if a connection, alive or in TIME_WAIT, uses that port of ours.
    pub(in crate::net) fn port_in_use(&mut self, port: u16) -> bool {
        let now = self.now;
        self.time_wait.purge(now);
        let range = Flow::first_of_port(port)..=Flow::last_of_port(port);
        self.flows.range(range.clone()).next().is_some() || self.time_wait.has_any(range)
    }

    /// Writes as much as there is room for. `more` holds a partial segment back (`MSG_MORE`).
    ///
    /// # Errors
    ///
    /// `EAGAIN`, the connection's error, or `EPIPE` (the caller raises `SIGPIPE`).
    pub(in crate::net) fn send(&mut self, id: ConnectionId, parts: &[&[u8]], more: bool) -> Result<usize> {
        let now = self.now;
        let connection = self.connections.get_mut(id).ok_or(Errno::EPIPE)?;
        if let Some(error) = connection.error.take() {
            return Err(error);
        }
        if connection.done || connection.write_shut {
            return Err(Errno::EPIPE);
        }
        if connection.connecting {
            return Err(Errno::EAGAIN);
        }
        let socket = connection.tcp();
        let mut sent = 0;
        for part in parts {
            let count = socket.send_slice(part).map_err(|_| Errno::EPIPE)?;
            sent += count;
            if count < part.len() {
                break;
            }
        }
        let wanted: usize = parts.iter().map(|part| part.len()).sum();
        if sent < wanted {
            connection.room_wanted = true;
        }
        if sent == 0 && wanted > 0 && connection.corked_until.is_none() {
            return Err(Errno::EAGAIN);
        }
        connection.update_timeout();
        connection.corked += sent;
        // Where there is no room for more, none will come before what is held back has left.
        let hold = (more || connection.settings.cork) && sent == wanted;
        if hold && connection.corked < connection.full_segment() {
            let until = *connection.corked_until.get_or_insert(now + CORK_TIMEOUT);
            self.set_deadline(id, Some(until));
            return Ok(sent);
        }
        connection.uncork();
        self.mark(id);
        self.settle_all(false);
        if sent == 0 && wanted > 0 {
            return Err(Errno::EAGAIN);
        }
        Ok(sent)
    }

    /// Reads what is there; `peek` leaves it there. 0 is the end. With no `parts` at all, `discard` bytes are thrown away (`MSG_TRUNC`, `tcp(7)`).
    ///
    /// # Errors
    ///
    /// `EAGAIN`, or the connection's error.
    pub(in crate::net) fn recv(
        &mut self,
        id: ConnectionId,
        parts: &mut [&mut [u8]],
        peek: bool,
        discard: usize,
    ) -> Result<usize> {
        let now = self.now;
        let connection = self.connections.get_mut(id).ok_or(Errno::ENOTCONN)?;
        let socket = connection.tcp();
        let queued = socket.recv_queue();
        if queued == 0 {
            let wanted = discard > 0 || parts.iter().any(|part| !part.is_empty());
            return match connection.error.take() {
                Some(error) => Err(error),
                None if connection.done || connection.peer_closed || connection.read_shut || !wanted => Ok(0),
                None => Err(Errno::EAGAIN),
            };
        }
        let mut done = 0;
        if discard > 0 {
            while done < discard.min(queued) {
                let step = socket.recv(|run| {
                    let count = run.len().min(discard - done);
                    (count, count)
                });
                match step {
                    Ok(count) if count > 0 => done += count,
                    _ => break,
                }
            }
        } else if peek {
            done = peek_parts(socket, parts, queued);
        } else {
            for part in parts {
                let count = socket.recv_slice(part).unwrap_or(0);
                done += count;
                if count < part.len() {
                    break;
                }
            }
        }
        if !peek && done > 0 {
            // Say so if the window opened by much; otherwise it can wait for the next segment.
            if let Some(link) = &mut self.links[connection.link]
                && link
                    .interface
                    .poll_at(super::smol(now), &connection.set)
                    .is_some_and(|at| at <= super::smol(now))
            {
                self.mark(id);
                self.settle_all(false);
            }
        }
        Ok(done)
    }

    /// What `poll(2)` says of a connection, as Linux's `tcp_poll` has it.
    pub(in crate::net) fn readiness(&mut self, id: ConnectionId) -> Poll {
        let Some(connection) = self.connections.get_mut(id) else {
            return Poll::OUT | Poll::HUP;
        };
        let mut ready = Poll::empty();
        ready.set(Poll::ERR, connection.error.is_some());
        if connection.connecting {
            return ready;
        }
        let (done, reading_over) = (
            connection.done,
            connection.peer_closed || connection.read_shut || connection.done,
        );
        let writing_over = connection.write_shut || done;
        ready.set(Poll::IN | Poll::RDHUP, reading_over);
        ready.set(Poll::HUP, reading_over && writing_over);
        let socket = connection.tcp();
        if socket.recv_queue() > 0 {
            ready |= Poll::IN;
        }
        let (queued, capacity) = (socket.send_queue(), socket.send_capacity());
        if writing_over || has_write_room(queued, capacity) {
            ready |= Poll::OUT;
        } else {
            connection.room_wanted = true;
        }
        ready
    }

    /// `shutdown(2)` of a connection.
    ///
    /// # Errors
    ///
    /// `ENOTCONN`.
    pub(in crate::net) fn shutdown(&mut self, id: ConnectionId, read: bool, write: bool) -> Result<()> {
        let connection = self.connections.get_mut(id).ok_or(Errno::ENOTCONN)?;
        if connection.done && !connection.peer_closed {
            return Err(Errno::ENOTCONN);
        }
        connection.read_shut |= read;
        if write && !connection.write_shut {
            connection.write_shut = true;
            connection.uncork();
            connection.tcp().close();
        }
        if let Owner::Socket(queue) = &connection.owner {
            let queue = queue.clone();
            self.wake(queue);
        }
        self.mark(id);
        self.settle_all(false);
        Ok(())
    }

    /// The socket is gone. What was written is still delivered, unless `abort` is set or data that came was never read:
    /// then the peer gets an RST (RFC 2525, 2.17).
    pub(in crate::net) fn close(&mut self, id: ConnectionId, abort: bool) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.owner = Owner::Orphan;
        connection.uncork();
        if connection.connecting || connection.done {
            return self.remove(id);
        }
        let socket = connection.tcp();
        socket.set_ack_delay(None);
        if abort || socket.recv_queue() > 0 {
            socket.abort();
        } else {
            socket.close();
        }
        connection.expires = Some(now + ORPHAN_TIMEOUT);
        let serial = connection.serial;
        self.orphans.push_back((id, serial));
        if self.orphans.len() > ORPHANS {
            self.thin_out_orphans();
        }
        self.mark(id);
        self.settle_all(false);
    }

    /// Drops the entries of orphans that are gone; where the living are too many, the oldest quarter is aborted.
    fn thin_out_orphans(&mut self) {
        let connections = &self.connections;
        self.orphans.retain(|&(id, serial)| {
            connections
                .get(id)
                .is_some_and(|connection| connection.serial == serial)
        });
        while self.orphans.len() > ORPHANS / 4 * 3 {
            if let Some((oldest, _)) = self.orphans.pop_front() {
                self.abort(oldest);
            }
        }
    }

    /// Sends an RST and forgets the connection.
    pub(super) fn abort(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.owner = Owner::Orphan;
            connection.tcp().abort();
            self.output(id);
            self.remove(id);
        }
    }

    /// Puts changed options to work.
    pub(in crate::net) fn configure(&mut self, id: ConnectionId, settings: Settings) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.settings = settings;
            connection.apply();
            // `TCP_NODELAY`, and the end of `TCP_CORK`, push what was held back (`tcp(7)`).
            if settings.no_delay || !settings.cork {
                connection.uncork();
                self.mark(id);
                self.settle_all(false);
            }
        }
    }

    /// Bytes that can be read, and bytes not acknowledged yet.
    pub(in crate::net) fn queued(&mut self, id: ConnectionId) -> (usize, usize) {
        self.connections.get_mut(id).map_or((0, 0), |connection| {
            let socket = connection.tcp();
            (socket.recv_queue(), socket.send_queue())
        })
    }

    /// Largest packet on the way to that address, in bytes.
    pub(in crate::net) fn mtu_to(&self, to: IpAddr) -> Option<usize> {
        let (link, _) = self.route(to).ok()?;
        Some(self.links[link].as_ref()?.port.mtu())
    }

    /// Largest packet of the connection's link, in bytes.
    pub(in crate::net) fn mtu_of(&self, id: ConnectionId) -> Option<usize> {
        let link = self.connections.get(id)?.link;
        Some(self.links[link].as_ref()?.port.mtu())
    }

    /// smoltcp's state of the connection, for `TCP_INFO`.
    pub(in crate::net) fn tcp_state(&mut self, id: ConnectionId) -> tcp::State {
        self.connections
            .get_mut(id)
            .map_or(tcp::State::Closed, |connection| connection.tcp().state())
    }
}

/// So many bytes, rounded up to full segments: then a stream that fills its ring, and where the ring ends, are no reason for short ones.
const fn full_segments(bytes: usize) -> usize {
    bytes.next_multiple_of(FULL_SEGMENT)
}

/// A buffer in memory that is not touched before it is used.
fn ring(bytes: usize) -> Result<tcp::SocketBuffer<'static>> {
    let layout = Layout::array::<u8>(bytes).map_err(|_| Errno::ENOBUFS)?;
    if bytes == 0 {
        return Err(Errno::ENOBUFS);
    }
    // SAFETY: the layout is not of size 0.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        return Err(Errno::ENOBUFS);
    }
    // SAFETY: `bytes` initialised bytes from the global allocator, with the layout of a `Vec<u8>` of that capacity.
    let memory = unsafe { Vec::from_raw_parts(memory, bytes, bytes) };
    Ok(tcp::SocketBuffer::new(memory))
}

/// `ip(7)`: the unspecified address as a target is this host.
pub(in crate::net) fn this_host(target: IpAddr) -> IpAddr {
    match target {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

/// As Linux's `sk_stream_is_writeable`: writers are woken when a third is free.
pub(super) fn has_write_room(queued: usize, capacity: usize) -> bool {
    (capacity - queued) * 3 >= capacity
}

/// Copies from the front of the receive queue and leaves it there.
fn peek_parts(socket: &mut tcp::Socket<'_>, parts: &mut [&mut [u8]], queued: usize) -> usize {
    if let [only] = parts {
        return socket.peek_slice(only).unwrap_or(0);
    }
    // smoltcp peeks from the front only; several buffers are rare enough for a copy between.
    let mut copy = alloc::vec![0; queued];
    let count = socket.peek_slice(&mut copy).unwrap_or(0);
    let mut rest = &copy[..count];
    for part in parts {
        let step = part.len().min(rest.len());
        part[..step].copy_from_slice(&rest[..step]);
        rest = &rest[step..];
    }
    count - rest.len()
}
