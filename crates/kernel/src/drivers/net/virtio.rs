//! The virtio network device (virtio 1.2, 5.1).

use super::{
    NetCaps, NetDevice, RxBuffer, SendQueueFull, TxOptions,
    receive::{Format, Receiver},
    transmit::Sender,
};
use crate::{
    arch,
    drivers::virtio::{Device, Error, Link, feature},
    sync::Lock,
};
use alloc::vec::Vec;
use core::fmt;

const RECEIVE: u16 = 0;
const TRANSMIT: u16 = 1;
const QUEUE_SIZE: u16 = 128;
const ETHERNET_HEADER: usize = 14;
const DEFAULT_MTU: usize = 1500;

const F_CSUM: u64 = 1 << 0;
const F_GUEST_CSUM: u64 = 1 << 1;
const F_MTU: u64 = 1 << 3;
const F_MAC: u64 = 1 << 5;
const F_GUEST_TSO4: u64 = 1 << 7;
const F_HOST_TSO4: u64 = 1 << 11;
const F_MRG_RXBUF: u64 = 1 << 15;

/// Header flag: the checksum has to be completed from `csum_start` on.
pub(super) const FLAG_NEEDS_CHECKSUM: u8 = 1;
/// Header flag: the checksum was verified.
pub(super) const FLAG_DATA_VALID: u8 = 2;

/// Those whose interrupt is ours to serve, and what to call then.
struct Interrupts {
    links: Vec<Link>,
    handler: Option<fn()>,
}

static INTERRUPTS: Lock<Interrupts> = Lock::new(Interrupts {
    links: Vec::new(),
    handler: None,
});

/// A virtio network interface.
pub struct VirtioNet {
    link: Link,
    receiver: Receiver,
    sender: Sender,
    mac: [u8; 6],
    mtu: usize,
    capabilities: NetCaps,
}

impl fmt::Debug for VirtioNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtioNet")
            .field("mac", &self.mac)
            .field("mtu", &self.mtu)
            .finish_non_exhaustive()
    }
}

impl VirtioNet {
    /// Sets an interface up.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn probe(mut device: Device) -> Result<Self, Error> {
        let features = device.negotiate_with(choose)?;
        let has = |wanted| features & wanted == wanted;
        if device.is_legacy() && !has(feature::ANY_LAYOUT) {
            return Err(Error::Missing(
                "VIRTIO_F_ANY_LAYOUT, which legacy network devices need here",
            ));
        }
        // Before 1.0 the count of buffers is in the header only where it is used (virtio 1.2, 5.1.6.1).
        let header = if device.is_legacy() && !has(F_MRG_RXBUF) {
            10
        } else {
            12
        };
        let mtu = if has(F_MTU) {
            read_mtu(&device)
        } else {
            DEFAULT_MTU
        };
        let format = Format {
            buffer: if has(F_MRG_RXBUF) {
                4096
            } else {
                (mtu + ETHERNET_HEADER + 4 + header).next_multiple_of(2048)
            },
            header,
            merged: has(F_MRG_RXBUF),
        };
        let mac = if has(F_MAC) {
            read_mac(&device)
        } else {
            [0x02, 0, 0, 0, 0, device.irq() as u8]
        };
        let receiver = Receiver::new(device.queue(RECEIVE, QUEUE_SIZE)?, format);
        let sender = Sender::new(device.queue(TRANSMIT, QUEUE_SIZE)?, header);
        let capabilities = NetCaps {
            tx_checksum: has(F_CSUM),
            rx_checksum: has(F_GUEST_CSUM),
            tso4: has(F_CSUM | F_HOST_TSO4),
            large_receive: has(F_GUEST_CSUM | F_GUEST_TSO4),
        };
        let mut interface = Self {
            link: device.start(),
            receiver,
            sender,
            mac,
            mtu,
            capabilities,
        };
        interface.kick();
        let irq = interface.link.irq();
        INTERRUPTS.lock().links.push(interface.link.clone());
        arch::interrupt::register(irq, on_interrupt);
        Ok(interface)
    }
}

/// What to take of the offered features: each only with what it rests on (virtio 1.2, 5.1.3.1).
fn choose(offered: u64) -> u64 {
    let mut wanted = F_CSUM | F_GUEST_CSUM | F_MTU | F_MAC | F_MRG_RXBUF;
    if offered & F_CSUM != 0 {
        wanted |= F_HOST_TSO4;
    }
    // Long frames come only where short buffers can hold them together: buffers of 64 KiB each would be megabytes.
    if offered & F_GUEST_CSUM != 0 && offered & F_MRG_RXBUF != 0 {
        wanted |= F_GUEST_TSO4;
    }
    wanted
}

fn read_mac(device: &Device) -> [u8; 6] {
    let [low, high] = [device.config(0).to_le_bytes(), device.config(4).to_le_bytes()];
    [low[0], low[1], low[2], low[3], high[0], high[1]]
}

/// At least what IPv4 must be able to carry (RFC 791), at most what leaves room in a buffer's arithmetic.
fn read_mtu(device: &Device) -> usize {
    // status, max_virtqueue_pairs, mtu: 16 bits each, from byte 6 on.
    let mtu = usize::from((device.config(8) >> 16) as u16);
    mtu.clamp(576, 65_535)
}

impl NetDevice for VirtioNet {
    fn mac(&self) -> [u8; 6] {
        self.mac
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn capabilities(&self) -> NetCaps {
        self.capabilities
    }

    fn receive(&mut self) -> Option<RxBuffer> {
        self.receiver.next()
    }

    fn has_received(&mut self) -> bool {
        self.receiver.queue.has_used()
    }

    fn can_send(&mut self) -> bool {
        self.sender.has_room(self.mtu + ETHERNET_HEADER)
    }

    fn send(
        &mut self,
        len: usize,
        options: TxOptions,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), SendQueueFull> {
        if self.sender.send(len, options, fill) {
            Ok(())
        } else {
            Err(SendQueueFull)
        }
    }

    fn kick(&mut self) {
        self.receiver.repost(1);
        if self.sender.queue.should_notify() {
            self.link.notify(TRANSMIT);
        }
        if self.receiver.queue.should_notify() {
            self.link.notify(RECEIVE);
        }
    }

    fn set_receive_interrupts(&mut self, on: bool) -> bool {
        if on {
            self.receiver.queue.enable_interrupts()
        } else {
            self.receiver.queue.disable_interrupts();
            false
        }
    }

    fn wait_for_room(&mut self) -> bool {
        let frame = self.mtu + ETHERNET_HEADER;
        if self.sender.has_room(frame) {
            return true;
        }
        let finished = self.sender.queue.enable_interrupts();
        finished && self.sender.has_room(frame)
    }

    fn set_interrupt_handler(&mut self, handler: fn()) {
        INTERRUPTS.lock().handler = Some(handler);
    }
}

/// Serves all interfaces: their interrupts may share a line, and they share a stack.
fn on_interrupt() {
    let handler = {
        let interrupts = INTERRUPTS.lock();
        interrupts.links.iter().for_each(Link::acknowledge);
        interrupts.handler
    };
    if let Some(handler) = handler {
        handler();
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
