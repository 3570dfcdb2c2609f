//! What comes in: finding the one that a packet is for, and letting smoltcp process it there.

use super::{ConnectionId, ETHERNET, LOOPBACK, Stack, connection::Owner, smol, time_wait};
use crate::net::{
    link::Frame,
    packet::{Flow, Kind, Segment, classify},
};
use alloc::vec::Vec;
use core::time::Duration;
use smoltcp::iface::SocketSet;

/// smoltcp asks for a neighbour's address again after a second; who waits for one has a timer that is not later.
const NEIGHBOUR_WAIT: Duration = Duration::from_millis(1100);

impl Stack {
    /// Processes one received frame. Answers are in the wire's queue afterwards, and those who may want to send are marked.
    pub(in crate::net) fn input(&mut self, link: usize, frame: Frame) {
        match classify(frame.bytes(), link == ETHERNET) {
            Kind::Tcp(flow, segment) if !self.is_martian(link, flow) => {
                if segment.opens {
                    self.learn_neighbour(link, &frame, flow.remote);
                }
                self.segment(link, frame, flow, segment)
            }
            Kind::Udp(flow, datagram) if !self.is_martian(link, flow) => {
                self.learn_neighbour(link, &frame, flow.remote);
                self.datagram(link, frame, flow, datagram);
            }
            Kind::FirstFragment { key, flow } if !self.is_martian(link, flow) => {
                self.first_fragment(link, frame, key, flow)
            }
            Kind::Fragment { key } => self.later_fragment(link, frame, key),
            Kind::Tcp(..) | Kind::Udp(..) | Kind::FirstFragment { .. } => {}
            Kind::Refused(flow) => self.datagram_refused(flow),
            Kind::Arp => {
                self.note_arp(&frame);
                self.process_for_nobody(link, frame);
                self.neighbour_may_be_known();
            }
            Kind::Neighbour => {
                self.process_for_nobody(link, frame);
                self.neighbour_may_be_known();
            }
            Kind::Other => self.process_for_nobody(link, frame),
        }
    }

    /// Our own addresses do not come from a wire (RFC 1122, 3.2.1.3).
    fn is_martian(&self, link: usize, flow: Flow) -> bool {
        link == ETHERNET && (self.is_local(flow.remote) || flow.local.is_loopback())
    }

    /// For what no socket has to do with: ARP, ICMP echo, and refusals.
    pub(super) fn process_for_nobody(&mut self, link: usize, frame: Frame) {
        let Some(link) = &mut self.links[link] else { return };
        process(link, frame, &mut self.nobody, self.now);
    }

    fn segment(&mut self, link: usize, frame: Frame, flow: Flow, segment: Segment) {
        if let Some(&id) = self.flows.get(&flow) {
            return self.segment_for(link, frame, id, segment);
        }
        if self.time_wait.contains(&flow) {
            if segment.opens || segment.rst {
                self.time_wait.remove(&flow);
            } else if segment.fin {
                if let Some(answer) = time_wait::last_ack(frame.bytes(), link == ETHERNET, flow, segment)
                    && let Some(link) = &mut self.links[link]
                {
                    link.port.send_raw(&answer);
                }
                return;
            } else {
                return;
            }
        }
        if segment.opens && self.is_local(flow.local) && self.admit(link, flow) {
            if let Some(&id) = self.flows.get(&flow) {
                self.segment_for(link, frame, id, segment);
            }
            return;
        }
        self.process_for_nobody(link, frame);
    }

    fn segment_for(&mut self, link_index: usize, frame: Frame, id: ConnectionId, segment: Segment) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let Some(link) = &mut self.links[link_index] else {
            return;
        };
        if connection.is_idle_repetition(segment) {
            return;
        }
        connection.note_acknowledged(segment);
        let before = connection.tcp().recv_queue();
        connection.reset |= segment.rst;
        process(link, frame, &mut connection.set, now);
        let after = connection.tcp().recv_queue();
        if let Owner::Socket(queue) = &connection.owner
            && after > before
        {
            let queue = queue.clone();
            self.wake(queue);
        } else if matches!(connection.owner, Owner::Orphan) {
            // Nobody will ever read it (RFC 1122, 4.2.2.13).
            if after > 0 {
                connection.tcp().abort();
            }
            // A peer that talks, but is slow, may have all the time it needs.
            if connection.tcp().send_queue() > 0 {
                connection.expires = Some(now + super::connection::ORPHAN_TIMEOUT);
            }
        }
        self.mark(id);
    }

    /// A packet about neighbours came: whoever waits for an address looks again.
    fn neighbour_may_be_known(&mut self) {
        let soon = self.now + NEIGHBOUR_WAIT;
        let waiting = self.timers.range(..(soon, 0)).map(|&(_, id)| id);
        let waiting: Vec<_> = waiting
            .filter(|&id| {
                self.connections
                    .get(id)
                    .is_some_and(|connection| connection.link != LOOPBACK)
            })
            .collect();
        for id in waiting {
            self.mark(id);
        }
        self.send_datagrams_of_all();
    }
}

/// Shows one frame to one set of sockets.
pub(super) fn process(
    link: &mut super::Link,
    frame: Frame,
    set: &mut SocketSet<'static>,
    now: crate::time::Instant,
) {
    link.port.offer(frame);
    link.interface.poll_ingress_single(smol(now), &mut link.port, set);
}
