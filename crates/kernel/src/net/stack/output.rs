//! What leaves: asking connections for their segments, noticing what changed, keeping deadlines.

use super::{
    ConnectionId, Stack,
    connection::{Owner, has_write_room},
    from_smol, smol,
};
use crate::{errno::Errno, time::Instant};
use core::time::Duration;
use smoltcp::{iface::PollResult, socket::tcp};

/// Most segments that one connection may send before others get their turn.
const BURST: usize = 64;
/// A connection that wants to send now but does not get to is asked again after this time.
pub(super) const PATIENCE: Duration = Duration::from_millis(1);
/// smoltcp empties a socket this long after TIME_WAIT began (10 s); what the program did not read by then must stay, so it is not asked any more.
const TIME_WAIT_OVER: Duration = Duration::from_secs(1);

impl Stack {
    /// Lets one connection send all it can, then looks at what became of it.
    pub(super) fn output(&mut self, id: ConnectionId) {
        let now = smol(self.now);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.corked_until.is_some_and(|until| until > self.now) {
            return;
        }
        connection.uncork();
        let Some(link) = &mut self.links[connection.link] else {
            return;
        };
        link.port.tcp_egress = true;
        link.port.tcp_egress_v4 = connection.flow.local.is_ipv4();
        link.port.full = false;
        let full = link.port.full_segment(connection.flow.local.is_ipv4());
        let mut more = true;
        for _ in 0..BURST {
            // smoltcp takes a fast retransmission for sent when there was no room for it, and has stopped the timer: it would never come again.
            if !link.port.has_room() {
                link.port.full = true;
                more = false;
                break;
            }
            connection.update_nagle();
            link.port.sent = None;
            more = link
                .interface
                .poll_egress(now, &mut link.port, &mut connection.set)
                == PollResult::SocketStateChanged;
            if let Some(segment) = link.port.sent {
                connection.note_sent(segment, full);
            }
            if !more {
                break;
            }
        }
        link.port.tcp_egress = false;
        if core::mem::take(&mut link.port.full) {
            let room = link.port.device().is_some_and(|device| device.wait_for_room());
            self.blocked.push(id);
            if room {
                self.retry_soon(PATIENCE);
            }
        }
        if more {
            self.mark(id);
        }
        self.settle(id);
    }

    /// For what is held back without anything that would call us: tries again after that time.
    pub(super) fn retry_soon(&mut self, after: Duration) {
        let at = self.now + after;
        self.retry = Some(self.retry.map_or(at, |earlier| earlier.min(at)));
    }

    /// Lets those send who found no room.
    pub(super) fn unblock(&mut self) {
        for id in core::mem::take(&mut self.blocked) {
            self.mark(id);
        }
    }

    /// Compares a connection with the last look at it: wakes, reports, removes, and sets its deadline.
    pub(super) fn settle(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let state = connection.tcp().state();
        if state != connection.state {
            let before = core::mem::replace(&mut connection.state, state);
            if !self.state_changed(id, before, state) {
                return;
            }
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.room_wanted {
            let socket = connection.tcp();
            if has_write_room(socket.send_queue(), socket.send_capacity()) {
                connection.room_wanted = false;
                if let Owner::Socket(queue) = &connection.owner {
                    let queue = queue.clone();
                    self.wake(queue);
                }
            }
        }
        if let Some(connection) = self.connections.get_mut(id) {
            connection.update_timeout();
        }
        self.renew_deadline(id);
    }

    fn renew_deadline(&mut self, id: ConnectionId) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let Some(link) = &mut self.links[connection.link] else {
            return;
        };
        let at = link.interface.poll_at(smol(now), &connection.set).map(from_smol);
        let at = match at {
            // Not asked any more: the program may still want to read.
            Some(at) if connection.state == tcp::State::TimeWait && at > now + TIME_WAIT_OVER => None,
            _ if connection.dirty => None,
            Some(at) => Some(at.max(now + PATIENCE)),
            None => None,
        };
        let at = [at, connection.expires, connection.corked_until]
            .into_iter()
            .flatten()
            .min();
        self.set_deadline(id, at);
    }

    /// Enters a connection's deadline into the timer queue, in place of the one before.
    pub(super) fn set_deadline(&mut self, id: ConnectionId, deadline: Option<Instant>) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let before = core::mem::replace(&mut connection.deadline, deadline);
        if before != deadline {
            if let Some(before) = before {
                self.timers.remove(&(before, id));
            }
            if let Some(deadline) = deadline {
                self.timers.insert((deadline, id));
            }
        }
    }

    /// A connection's deadline came.
    pub(super) fn timer_fired(&mut self, id: ConnectionId) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.expires.is_some_and(|expires| expires <= now) {
            return self.remove(id);
        }
        self.mark(id);
    }

    /// False if the connection is gone.
    fn state_changed(&mut self, id: ConnectionId, before: tcp::State, state: tcp::State) -> bool {
        use tcp::State;
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        connection.peer_closed |= matches!(
            state,
            State::CloseWait | State::LastAck | State::Closing | State::TimeWait
        );
        if state == State::Closed && !connection.done {
            connection.done = true;
            let finished = matches!(before, State::LastAck | State::Closing | State::TimeWait);
            connection.error = match (connection.reset, before) {
                (true, State::SynSent) => Some(Errno::ECONNREFUSED),
                (true, State::CloseWait) => Some(Errno::EPIPE),
                (true, _) if !finished => Some(Errno::ECONNRESET),
                (false, _) if !finished => Some(Errno::ETIMEDOUT),
                _ => None,
            };
        }
        if !matches!(state, State::SynSent | State::SynReceived) {
            connection.connecting = false;
        }
        match connection.owner.clone() {
            Owner::HalfOpen(listener) => match state {
                State::SynReceived => true,
                State::Established | State::CloseWait => {
                    self.handshake_over(id, listener);
                    true
                }
                _ => {
                    self.remove(id);
                    false
                }
            },
            Owner::Ready => true,
            Owner::Socket(queue) => {
                self.wake(queue);
                true
            }
            Owner::Orphan => self.orphan_changed(id, state),
        }
    }

    /// False if the connection is gone.
    fn orphan_changed(&mut self, id: ConnectionId, state: tcp::State) -> bool {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        match state {
            tcp::State::Closed if connection.tcp().remote_endpoint().is_none() => {
                self.remove(id);
                false
            }
            // The peer's FIN has its ACK by now; the rest of TIME_WAIT needs no buffers.
            tcp::State::TimeWait => {
                let flow = connection.flow;
                self.remove(id);
                self.time_wait.insert(flow, now);
                false
            }
            _ => true,
        }
    }
}
