//! Listening: smoltcp has no backlog, so each SYN that there is room for gets a fresh socket that listens for just that one.

use super::{ConnectionId, ListenerId, Settings, Stack, connection::Owner};
use crate::{
    errno::{Errno, Result},
    net::{packet::Flow, ports::Bound},
    wait::WaitQueue,
};
use alloc::{collections::VecDeque, sync::Arc};
use core::{net::IpAddr, time::Duration};
use smoltcp::{
    socket::tcp,
    wire::{IpAddress, IpListenEndpoint},
};

/// `net.core.somaxconn` (`listen(2)`).
pub(in crate::net) const MAX_BACKLOG: usize = 4096;
/// Most handshakes of one listener that are under way: each holds its buffers, and whoever sends SYNs need not even exist.
const MAX_HALF_OPEN: usize = 512;
/// A handshake that is this old gives way to a new one when there are too many.
const HALF_OPEN_PATIENCE: Duration = Duration::from_secs(1);
/// How long a handshake may take (`tcp_synack_retries` 5, `tcp(7)`).
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(63);

/// A listening socket's state.
#[derive(Debug)]
pub(in crate::net) struct Listener {
    local: Bound,
    port: u16,
    backlog: usize,
    queue: Arc<WaitQueue>,
    settings: Settings,
    ready: VecDeque<ConnectionId>,
    /// Handshakes under way, oldest first.
    pub(super) half_open: VecDeque<ConnectionId>,
}

impl Listener {
    /// Where it listens, and how many connections wait to be accepted.
    pub(super) fn listed(&self) -> (Bound, u16, usize) {
        (self.local, self.port, self.ready.len())
    }
}

impl Stack {
    /// Starts to listen at a bound address.
    pub(in crate::net) fn listen(
        &mut self,
        (local, port): (Bound, u16),
        backlog: usize,
        settings: Settings,
        queue: &Arc<WaitQueue>,
    ) -> ListenerId {
        let id = self.listeners.insert(Listener {
            local,
            port,
            backlog: backlog.min(MAX_BACKLOG),
            queue: queue.clone(),
            settings,
            ready: VecDeque::new(),
            half_open: VecDeque::new(),
        });
        self.listening.entry(port).or_default().push(id);
        id
    }

    /// A second `listen(2)` changes the backlog, and options that were set after the first one.
    pub(in crate::net) fn update_listener(
        &mut self,
        id: ListenerId,
        backlog: Option<usize>,
        settings: Settings,
    ) {
        if let Some(listener) = self.listeners.get_mut(id) {
            listener.settings = settings;
            listener.backlog = backlog.map_or(listener.backlog, |backlog| backlog.min(MAX_BACKLOG));
        }
    }

    /// True if there is a connection to accept.
    pub(in crate::net) fn can_accept(&self, id: ListenerId) -> bool {
        self.listeners
            .get(id)
            .is_some_and(|listener| !listener.ready.is_empty())
    }

    /// How many connections wait to be accepted, and how many may.
    pub(in crate::net) fn backlog(&self, id: ListenerId) -> (usize, usize) {
        self.listeners
            .get(id)
            .map_or((0, 0), |listener| (listener.ready.len(), listener.backlog))
    }

    /// Gives the oldest connection that waits to a socket, whose queue is `queue`.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if there is none.
    pub(in crate::net) fn accept(
        &mut self,
        id: ListenerId,
        queue: &Arc<WaitQueue>,
    ) -> Result<(ConnectionId, Flow)> {
        let listener = self.listeners.get_mut(id).ok_or(Errno::EINVAL)?;
        let accepted = listener.ready.pop_front().ok_or(Errno::EAGAIN)?;
        let connection = self.connections.get_mut(accepted).ok_or(Errno::ECONNABORTED)?;
        connection.owner = Owner::Socket(queue.clone());
        Ok((accepted, connection.flow))
    }

    /// Stops listening; connections that nobody accepted are reset.
    pub(in crate::net) fn close_listener(&mut self, id: ListenerId) {
        let Some(listener) = self.listeners.try_remove(id) else {
            return;
        };
        let port = listener.port;
        if let Some(all) = self.listening.get_mut(&port) {
            all.retain(|&other| other != id);
            if all.is_empty() {
                self.listening.remove(&port);
            }
        }
        for id in listener.ready.into_iter().chain(listener.half_open) {
            self.abort(id);
        }
        self.settle_all(false);
    }

    /// For a SYN: makes the connection that is to process it. True if the SYN is dealt with, also where it is dropped
    /// because the backlog is full (the client tries again, `listen(2)`); false if nobody listens there.
    pub(super) fn admit(&mut self, link: usize, flow: Flow) -> bool {
        let Some(id) = self.listener_for(flow) else {
            return false;
        };
        let now = self.now;
        let Some(listener) = self.listeners.get_mut(id) else {
            return false;
        };
        // As Linux: one more than the backlog.
        if listener.ready.len() + listener.half_open.len() > listener.backlog.max(1)
            && !self.evict_half_open(id)
        {
            return true;
        }
        let Some(listener) = self.listeners.get_mut(id) else {
            return false;
        };
        if listener.half_open.len() >= MAX_HALF_OPEN && !self.evict_half_open(id) {
            return true;
        }
        let Some(settings) = self.listeners.get(id).map(|listener| listener.settings) else {
            return false;
        };
        let Ok(new) = self.new_connection(link, flow, Owner::HalfOpen(id), settings) else {
            return true;
        };
        let Some(connection) = self.connections.get_mut(new) else {
            return true;
        };
        let endpoint = IpListenEndpoint {
            addr: Some(IpAddress::from(flow.local)),
            port: flow.local_port,
        };
        if connection.tcp().listen(endpoint).is_err() {
            self.remove(new);
            return true;
        }
        connection.state = tcp::State::Listen;
        connection.expires = Some(now + HANDSHAKE_TIMEOUT);
        if let Some(listener) = self.listeners.get_mut(id) {
            listener.half_open.push_back(new);
        }
        true
    }

    /// Makes room by forgetting the oldest handshake, if it is old enough to be a flood's.
    fn evict_half_open(&mut self, id: ListenerId) -> bool {
        let now = self.now;
        let Some(&oldest) = self
            .listeners
            .get(id)
            .and_then(|listener| listener.half_open.front())
        else {
            return false;
        };
        let began = self
            .connections
            .get(oldest)
            .and_then(|connection| connection.expires);
        let old = began.is_none_or(|expires| now + HANDSHAKE_TIMEOUT > expires + HALF_OPEN_PATIENCE);
        if old {
            self.remove(oldest);
        }
        old
    }

    /// The listener at the very address, else one at any address; of several (`SO_REUSEPORT`), the flow decides.
    fn listener_for(&self, flow: Flow) -> Option<ListenerId> {
        let all = self.listening.get(&flow.local_port)?;
        let exact = |id: &&ListenerId| {
            self.listeners
                .get(**id)
                .is_some_and(|listener| listener.local.ip == flow.local)
        };
        let any = |id: &&ListenerId| {
            self.listeners
                .get(**id)
                .is_some_and(|listener| listener.local.is_any_of(flow.local))
        };
        let pick = |count: usize| {
            let host = match flow.remote {
                IpAddr::V4(host) => u32::from(host) as usize,
                IpAddr::V6(host) => host.to_bits() as usize,
            };
            host.wrapping_mul(31).wrapping_add(usize::from(flow.remote_port)) % count
        };
        match (all.iter().filter(exact).count(), all.iter().filter(any).count()) {
            (0, 0) => None,
            (0, count) => all.iter().filter(any).nth(pick(count)).copied(),
            (count, _) => all.iter().filter(exact).nth(pick(count)).copied(),
        }
    }

    /// A connection may be accepted now.
    pub(super) fn handshake_over(&mut self, id: ConnectionId, listener_id: ListenerId) {
        let Some(listener) = self.listeners.get_mut(listener_id) else {
            return;
        };
        listener.half_open.retain(|&other| other != id);
        listener.ready.push_back(id);
        let queue = listener.queue.clone();
        self.wake(queue);
        if let Some(connection) = self.connections.get_mut(id) {
            connection.owner = Owner::Ready;
            connection.expires = None;
        }
    }
}
