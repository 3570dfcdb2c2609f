//! Network device (virtio 1.2, section 5.1) over a tap, frames straight between the tap and guest memory.
//!
//! The tap speaks the same header as the device (`struct virtio_net_hdr_v1`), so checksums and TCP segmentation that either
//! side leaves undone pass through: a 64 KiB segment between two local endpoints is one frame.

mod mac;
mod tap;

use std::{
    collections::VecDeque,
    os::fd::{AsRawFd, RawFd},
    sync::Arc,
};

use virtio_bindings::bindings::virtio_net::{
    VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4,
    VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6,
    VIRTIO_NET_F_MAC, VIRTIO_NET_F_MRG_RXBUF,
};
use virtio_queue::{Queue, QueueT};

pub(crate) use mac::MacAddress;
pub(crate) use tap::{Error as TapError, Tap};

use super::{
    Cause, VirtioDevice,
    queue::{self, Chain, Error, Progress},
};
use crate::{memory::GuestMemory, metrics::METRICS};
use tap::{HEADER, Offloads};

/// Device ID.
const ID: u32 = 1;
/// Receive, transmit.
const QUEUE_SIZES: &[u16] = &[256, 256];
const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;
/// Frames per call.
const BUDGET: usize = 64;
/// Header and the longest frame without segmentation offload (5.1.6.3.1).
const FRAME_PLAIN: usize = 1526;
/// Header and the longest frame with it.
const FRAME_SEGMENTED: usize = 65562;
/// Header and the shortest Ethernet frame that makes sense.
const FRAME_MIN: usize = HEADER + 14;
/// Offset of `num_buffers` in the header.
const NUM_BUFFERS: usize = 10;
/// `IOV_MAX` of Linux.
const VECTORS_MAX: usize = 1024;

/// Everything that a network device needs.
#[derive(Clone, Debug)]
pub(crate) struct Backing {
    /// The host's side.
    pub(crate) tap: Arc<Tap>,
    /// The guest's address, if the API gave one.
    pub(crate) mac: Option<MacAddress>,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Net {
    backing: Backing,
    /// Frames may spread over several buffers.
    mergeable: bool,
    /// Bytes of buffers that must be at hand before a frame is read.
    frame_max: usize,
}

impl Net {
    /// A device over `backing`.
    pub(crate) fn new(backing: Backing) -> Self {
        Self {
            backing,
            mergeable: false,
            frame_max: FRAME_PLAIN,
        }
    }

    /// Moves frames from the tap to the guest's buffers.
    fn receive(&self, queue: &mut Queue, memory: &GuestMemory) -> Result<Progress, Error> {
        // Buffers taken from the ring and not used yet; given back at the end.
        let mut buffers: VecDeque<Chain<'_>> = VecDeque::new();
        let before = queue.next_used();
        let mut progress = Progress::default();
        for frame in 0.. {
            if !self.gather(queue, memory, &mut buffers)? {
                // Starved: ask for the doorbell, and look again in case the driver was faster.
                return_to(queue, &mut buffers);
                progress.again = queue.enable_notification(memory)?;
                break;
            }
            if frame == BUDGET {
                progress.again = true;
                break;
            }
            if !self.receive_frame(queue, memory, &mut buffers)? {
                break;
            }
        }
        return_to(queue, &mut buffers);
        let used = queue.next_used() != before;
        progress.interrupt = used && queue::wants_interrupt(queue, memory, before)?;
        Ok(progress)
    }

    /// Takes buffers from the ring until a whole frame fits; `false` if there are too few.
    fn gather<'a>(
        &self,
        queue: &mut Queue,
        memory: &'a GuestMemory,
        buffers: &mut VecDeque<Chain<'a>>,
    ) -> Result<bool, Error> {
        let mut total: usize = buffers.iter().map(|buffer| buffer.writable.len()).sum();
        while buffers.is_empty() || (self.mergeable && total < self.frame_max) {
            let Some(buffer) = queue::pop(queue, memory)? else {
                return Ok(false);
            };
            // The first buffer of a frame takes the header, and any may be the first.
            if buffer.writable.len() < HEADER {
                return Err(Error::Buffer);
            }
            total += buffer.writable.len();
            buffers.push_back(buffer);
        }
        Ok(true)
    }

    /// Reads one frame; `false` if none waits.
    fn receive_frame(
        &self,
        queue: &mut Queue,
        memory: &GuestMemory,
        buffers: &mut VecDeque<Chain<'_>>,
    ) -> Result<bool, Error> {
        let mut vectors = Vec::with_capacity(16);
        for buffer in buffers.iter() {
            buffer.writable.append_to(&mut vectors);
        }
        vectors.truncate(VECTORS_MAX);
        let Ok(length) = self.backing.tap.read(&vectors) else {
            // Nothing waits, or the tap is gone or down; its next edge comes when that changes.
            return Ok(false);
        };
        METRICS.net_rx_frames.add(1);
        METRICS.net_rx_bytes.add(length as u64);
        let mut left = length;
        let mut count: u16 = 0;
        for buffer in buffers.iter() {
            count += 1;
            left = left.saturating_sub(buffer.writable.len());
            if left == 0 {
                break;
            }
        }
        if let Some(first) = buffers.front() {
            first.writable.write_at(NUM_BUFFERS, &count.to_le_bytes());
        }
        let mut left = length;
        let mut parts = Vec::with_capacity(16);
        for buffer in buffers.drain(..usize::from(count)) {
            let part = left.min(buffer.writable.len());
            parts.push((buffer.head, part as u32));
            left -= part;
        }
        queue::add_used_together(queue, memory, &parts)?;
        Ok(true)
    }

    fn transmit(&self, queue: &mut Queue, memory: &GuestMemory) -> Result<Progress, Error> {
        let mut vectors = Vec::with_capacity(16);
        queue::serve(queue, memory, BUDGET, |chain| {
            let frame = chain.readable;
            vectors.clear();
            frame.append_to(&mut vectors);
            let fits = (FRAME_MIN..=FRAME_SEGMENTED).contains(&frame.len());
            // The kernel checks the header. A frame that it does not take is lost, as on a wire.
            if fits && self.backing.tap.write(&vectors).is_ok() {
                METRICS.net_tx_frames.add(1);
                METRICS.net_tx_bytes.add(frame.len() as u64);
            } else {
                METRICS.net_tx_dropped.add(1);
            }
            0
        })
    }
}

/// Gives gathered buffers back to the ring.
fn return_to(queue: &mut Queue, buffers: &mut VecDeque<Chain<'_>>) {
    queue.set_next_avail(queue.next_avail().wrapping_sub(buffers.len() as u16));
    buffers.clear();
}

impl VirtioDevice for Net {
    fn id(&self) -> u32 {
        ID
    }

    fn queue_sizes(&self) -> &'static [u16] {
        QUEUE_SIZES
    }

    fn features(&self) -> u64 {
        let offered = [
            VIRTIO_NET_F_CSUM,
            VIRTIO_NET_F_GUEST_CSUM,
            VIRTIO_NET_F_GUEST_TSO4,
            VIRTIO_NET_F_GUEST_TSO6,
            VIRTIO_NET_F_GUEST_ECN,
            VIRTIO_NET_F_HOST_TSO4,
            VIRTIO_NET_F_HOST_TSO6,
            VIRTIO_NET_F_HOST_ECN,
            VIRTIO_NET_F_MRG_RXBUF,
        ];
        let features = offered.iter().fold(0, |features, bit| features | 1 << bit);
        match self.backing.mac {
            Some(_) => features | 1 << VIRTIO_NET_F_MAC,
            None => features,
        }
    }

    /// `struct virtio_net_config` (5.1.4): the address; no other field is offered.
    fn read_config(&self, offset: u64, data: &mut [u8]) {
        if let Some(mac) = self.backing.mac {
            super::copy_config(&mac.octets(), offset, data);
        }
    }

    fn activate(&mut self, features: u64) {
        let has = |bit: u32| features & (1 << bit) != 0;
        let checksum = has(VIRTIO_NET_F_GUEST_CSUM);
        // Segmentation needs checksums (5.1.3.1); a driver that asks for the one without the other gets neither.
        let offloads = Offloads {
            checksum,
            tso4: checksum && has(VIRTIO_NET_F_GUEST_TSO4),
            tso6: checksum && has(VIRTIO_NET_F_GUEST_TSO6),
            ecn: checksum && has(VIRTIO_NET_F_GUEST_ECN) && has(VIRTIO_NET_F_GUEST_TSO4),
        };
        self.mergeable = has(VIRTIO_NET_F_MRG_RXBUF);
        self.frame_max = if offloads.tso4 || offloads.tso6 {
            FRAME_SEGMENTED
        } else {
            FRAME_PLAIN
        };
        if let Err(error) = self.backing.tap.set_offloads(offloads) {
            log::warn!("the tap does not take {offloads:?}: {error}");
        }
    }

    fn reset(&mut self) {
        // A tap that is gone is told by every read, too.
        let _ = self.backing.tap.set_offloads(Offloads::default());
        self.mergeable = false;
        self.frame_max = FRAME_PLAIN;
    }

    fn source(&self) -> Option<RawFd> {
        Some(self.backing.tap.as_raw_fd())
    }

    fn process(
        &mut self,
        cause: Cause,
        queues: &mut [Queue],
        memory: &GuestMemory,
    ) -> Result<Progress, Error> {
        match cause {
            Cause::Queue(TRANSMIT) => self.transmit(&mut queues[TRANSMIT], memory),
            Cause::Queue(_) | Cause::Source => self.receive(&mut queues[RECEIVE], memory),
        }
    }
}

#[cfg(test)]
mod tests;
