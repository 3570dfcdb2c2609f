//! Two stacks and a cable between them, in simulated time; the cable loses and reorders frames as a seed says.

use crate::{
    drivers::net::{NetCaps, NetDevice, RxBuffer, SendQueueFull, TxOptions},
    net::{
        packet::Flow,
        ports::Bound,
        stack::{ConnectionId, Ethernet, ListenerId, Settings, Stack},
    },
    time::Instant,
    wait::WaitQueue,
};
use std::{
    collections::VecDeque,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

pub(super) const A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(super) const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

/// Their link-local addresses, which follow from their MACs.
pub(super) const A6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 1);
pub(super) const B6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 2);

/// A direction of the cable.
type Lane = Arc<Mutex<VecDeque<(Vec<u8>, bool)>>>;

/// How bad the cable is, in parts of 1000.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) lost: u64,
    pub(super) reordered: u64,
    /// Frames that fit a card's queue; 0 is plenty.
    pub(super) room: usize,
}

pub(super) struct Card {
    mac: [u8; 6],
    caps: NetCaps,
    receive: Lane,
    send: Lane,
    faults: Faults,
    room: usize,
    seed: u64,
}

impl Card {
    fn random(&mut self) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        self.seed >> 33
    }
}

impl NetDevice for Card {
    fn mac(&self) -> [u8; 6] {
        self.mac
    }

    fn mtu(&self) -> usize {
        1500
    }

    fn capabilities(&self) -> NetCaps {
        self.caps
    }

    fn receive(&mut self) -> Option<RxBuffer> {
        let (frame, verified) = self.receive.lock().unwrap().pop_front()?;
        Some(RxBuffer::from_vec(frame, verified))
    }

    fn has_received(&mut self) -> bool {
        !self.receive.lock().unwrap().is_empty()
    }

    fn can_send(&mut self) -> bool {
        self.send.lock().unwrap().len() < self.room
    }

    fn send(
        &mut self,
        len: usize,
        options: TxOptions,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), SendQueueFull> {
        // A card that is short of room, above all for long frames.
        let waiting = self.send.lock().unwrap().len();
        if waiting >= self.room || (len > 1514 && waiting >= self.room / 4) {
            return Err(SendQueueFull);
        }
        let mut frame = vec![0xaa; len];
        fill(&mut frame);
        assert!(
            len <= 1514 || options.segmentation.is_some(),
            "a frame of {len} bytes that nobody cuts"
        );
        assert!(options.checksum.is_none() || self.caps.tx_checksum);
        if self.random() % 1000 < self.faults.lost {
            return Ok(());
        }
        let reorder = self.random() % 1000 < self.faults.reordered;
        let mut lane = self.send.lock().unwrap();
        let at = if reorder {
            lane.len().saturating_sub(2)
        } else {
            lane.len()
        };
        // A host that gets a partial checksum passes it on as verified.
        lane.insert(at, (frame, options.checksum.is_some()));
        Ok(())
    }

    fn kick(&mut self) {}

    fn set_receive_interrupts(&mut self, _on: bool) -> bool {
        false
    }

    fn wait_for_room(&mut self) -> bool {
        false
    }

    fn set_interrupt_handler(&mut self, _handler: fn()) {}
}

pub(super) struct Sim {
    pub(super) a: Stack,
    pub(super) b: Stack,
    pub(super) now: Instant,
    /// Towards `a`.
    pub(super) to_a: Lane,
    /// Towards `b`.
    pub(super) to_b: Lane,
}

impl Sim {
    pub(super) fn new(seed: u64, faults: Faults, caps: NetCaps) -> Self {
        let (to_a, to_b) = (Lane::default(), Lane::default());
        let card = |mac, receive: &Lane, send: &Lane, seed| Card {
            mac: [2, 0, 0, 0, 0, mac],
            caps,
            receive: receive.clone(),
            send: send.clone(),
            faults,
            room: if faults.room == 0 { 256 } else { faults.room },
            seed,
        };
        let stack = |card: Card, address, seed| {
            let ethernet = Ethernet {
                address,
                prefix_len: 24,
                gateway: None,
            };
            Stack::new(Some((Box::new(card), Some(ethernet))), seed, Instant(0))
        };
        Self {
            a: stack(card(1, &to_a, &to_b, seed), A, seed + 1),
            b: stack(card(2, &to_b, &to_a, seed + 2), B, seed + 3),
            now: Instant(0),
            to_a,
            to_b,
        }
    }

    /// Carries frames until none is on the cable.
    pub(super) fn settle(&mut self) {
        for stack in [&mut self.a, &mut self.b] {
            stack.now = self.now;
            stack.expire();
        }
        let mut rounds = 0;
        loop {
            self.a.receive();
            self.b.receive();
            self.a.woken.clear();
            self.b.woken.clear();
            rounds += 1;
            assert!(rounds < 100_000, "the two never fall silent");
            if self.to_b.lock().unwrap().is_empty() && !self.b_has_answers() {
                break;
            }
        }
    }

    fn b_has_answers(&mut self) -> bool {
        // What `b` sent waits in `a`'s card.
        self.a.receive();
        !self.to_b.lock().unwrap().is_empty()
    }

    /// Lets time pass to the next deadline, and no further than `limit`; false if there is none.
    pub(super) fn step(&mut self, limit: Duration) -> bool {
        let next = [self.a.next_deadline(), self.b.next_deadline()]
            .into_iter()
            .flatten()
            .min();
        let Some(next) = next else { return false };
        self.now = next.max(self.now).min(self.now + limit);
        self.settle();
        true
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end && self.step(end.since(self.now)) {}
        self.now = end;
        self.settle();
    }

    pub(super) fn listen(&mut self, port: u16, backlog: usize) -> ListenerId {
        let local = Bound {
            ip: Ipv4Addr::UNSPECIFIED.into(),
            dual: false,
        };
        self.b.listen(
            (local, port),
            backlog,
            Settings::default(),
            &Arc::new(WaitQueue::new()),
        )
    }

    /// Listens at any address of both families.
    pub(super) fn listen_dual(&mut self, port: u16, backlog: usize) -> ListenerId {
        let local = Bound {
            ip: Ipv6Addr::UNSPECIFIED.into(),
            dual: true,
        };
        let queue = Arc::new(WaitQueue::new());
        self.b.listen((local, port), backlog, Settings::default(), &queue)
    }

    pub(super) fn connect(&mut self, port: u16) -> ConnectionId {
        self.connect_to(SocketAddr::new(B.into(), port))
    }

    pub(super) fn connect_to(&mut self, remote: SocketAddr) -> ConnectionId {
        let local = if remote.is_ipv4() {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        } else {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        };
        self.a
            .connect(local, remote, Settings::default(), &Arc::new(WaitQueue::new()))
            .unwrap()
    }

    pub(super) fn accept(&mut self, listener: ListenerId) -> Option<(ConnectionId, Flow)> {
        self.b.accept(listener, &Arc::new(WaitQueue::new())).ok()
    }
}
