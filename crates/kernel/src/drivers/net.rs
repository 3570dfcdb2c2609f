//! Network devices: what a driver offers to the network stack, and the virtio driver behind it.
//!
//! The stack ([`crate::net`]) owns the one [`NetDevice`] and drains it from the interrupt handler that it
//! [sets](NetDevice::set_interrupt_handler). Packets are Ethernet frames; the virtio header is the driver's own business.

mod buffer;
mod receive;
mod transmit;
mod virtio;

pub use buffer::{Recycler, RxBuffer};
pub use virtio::VirtioNet;

/// What a device takes off the stack's hands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetCaps {
    /// The device computes the TCP or UDP checksum of a sent packet ([`TxOptions::checksum`]).
    pub tx_checksum: bool,
    /// Received packets may come with [`RxBuffer::checksum_verified`] set, and then may hold a partial checksum:
    /// the stack must not look at it. Packets without the mark are to be verified as usual.
    pub rx_checksum: bool,
    /// The device cuts a TCP over IPv4 packet of up to 64 KiB into segments ([`TxOptions::segmentation`]).
    pub tso4: bool,
    /// Received TCP over IPv4 packets may be longer than the MTU: up to 64 KiB, merged by the host.
    pub large_receive: bool,
}

/// A checksum that the device is to complete; the field must hold the one's complement sum of the pseudo header (virtio 1.2, 5.1.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxChecksum {
    /// Offset from the frame's first byte to the transport header, in bytes.
    pub start: u16,
    /// Offset of the checksum field from `start`, in bytes: 16 for TCP, 6 for UDP.
    pub offset: u16,
}

/// How a long TCP packet is to be cut; implies a checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxSegmentation {
    /// Length of Ethernet, IP and TCP headers together, in bytes.
    pub header_len: u16,
    /// TCP payload bytes per segment.
    pub segment_size: u16,
}

/// What the device is to do with a packet; the default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TxOptions {
    /// Needs [`NetCaps::tx_checksum`].
    pub checksum: Option<TxChecksum>,
    /// Needs [`NetCaps::tso4`] and a `checksum`.
    pub segmentation: Option<TxSegmentation>,
}

/// The device's queue has no room: what was sent before has to leave first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendQueueFull;

/// An Ethernet device.
pub trait NetDevice: Send {
    /// The hardware address.
    fn mac(&self) -> [u8; 6];

    /// Largest IP packet in bytes (1500 unless the device says otherwise); offloaded packets may be longer.
    fn mtu(&self) -> usize;

    /// What the device takes off the stack's hands.
    fn capabilities(&self) -> NetCaps;

    /// The next received frame, if there is one. Its memory goes back to the device some time after it is dropped:
    /// in batches, by later calls of this method, or by [`kick`](Self::kick).
    fn receive(&mut self) -> Option<RxBuffer>;

    /// True if [`receive`](Self::receive) may have something.
    fn has_received(&mut self) -> bool;

    /// True if [`send`](Self::send) of a frame of up to an MTU will find room now.
    fn can_send(&mut self) -> bool;

    /// Queues a frame of `len` bytes, header included, that `fill` writes (each byte: the memory is not cleared).
    /// The device hears of it at the next [`kick`](Self::kick).
    ///
    /// # Errors
    ///
    /// [`SendQueueFull`]; `fill` was not called then. Also for a `len` that no frame can have (above 65,536 + 14).
    fn send(
        &mut self,
        len: usize,
        options: TxOptions,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> Result<(), SendQueueFull>;

    /// Tells the device of all that was queued, by one doorbell per direction and only where it asked for one, and gives it
    /// dropped receive buffers again. Call it once per batch.
    fn kick(&mut self);

    /// Switches receive interrupts. They are on at first. Switching on answers true if frames came in the meantime, for which there
    /// will be no interrupt: drain again. (Completed sends never interrupt unless [`wait_for_room`](Self::wait_for_room) asked.)
    fn set_receive_interrupts(&mut self, on: bool) -> bool;

    /// Asks for one interrupt when sent frames have left the queue; answers true if there is room already.
    fn wait_for_room(&mut self) -> bool;

    /// Has `handler` called, in kernel context, after each interrupt of the device.
    fn set_interrupt_handler(&mut self, handler: fn());
}
