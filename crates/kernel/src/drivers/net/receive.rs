//! The receiving half of a virtio network device.
//!
//! Buffers of one size lie one after another in one run of memory. A frame that is longer than one (merged by the host, `MRG_RXBUF`) mostly comes
//! in buffers that are neighbours; as the header is only in the first, it then is contiguous as it lies, and nothing is copied.

use super::{
    RxBuffer,
    buffer::Recycler,
    virtio::{FLAG_DATA_VALID, FLAG_NEEDS_CHECKSUM},
};
use crate::{
    drivers::virtio::{Queue, Segment, Used},
    mm::dma,
    sync::Lock,
};
use alloc::{boxed::Box, sync::Arc, vec, vec::Vec};
use core::ptr::NonNull;

/// Dropped buffers go to the device again in batches of this many.
const BATCH: usize = 16;
/// The longest frame: 64 KiB of IP and an Ethernet header with a tag.
const MAX_FRAME: usize = 65_536 + 18;

/// How received frames lie in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    /// Bytes of a buffer.
    pub(super) buffer: usize,
    /// Bytes of the header before the frame.
    pub(super) header: usize,
    /// The header counts the buffers, and there may be more than one.
    pub(super) merged: bool,
}

/// Buffers on their way back.
#[derive(Debug)]
struct Returned(Lock<Vec<(u16, u16)>>);

impl Recycler for Returned {
    fn recycle(&self, first: u16, count: u16) {
        self.0.lock().push((first, count));
    }
}

pub(super) struct Receiver {
    pub(super) queue: Queue,
    format: Format,
    memory: NonNull<u8>,
    physical: u64,
    /// Buffer by head of its chain.
    by_head: Box<[u16]>,
    returned: Arc<Returned>,
    /// Reused: the buffers of the frame at hand and the bytes in each.
    parts: Vec<(u16, usize)>,
}

// SAFETY: the buffers belong to this value, the device, and those who hold an `RxBuffer`; each at its time.
unsafe impl Send for Receiver {}

impl Receiver {
    /// Allocates as many buffers as the queue has entries and gives them to the device.
    pub(super) fn new(queue: Queue, format: Format) -> Self {
        let count = queue.size();
        let (memory, physical) = dma::alloc(usize::from(count) * format.buffer);
        let returned = Arc::new(Returned(Lock::new(Vec::with_capacity(usize::from(count)))));
        let by_head = vec![0; usize::from(count)].into();
        let parts = Vec::with_capacity(usize::from(count));
        let mut receiver = Self {
            queue,
            format,
            memory,
            physical,
            by_head,
            returned,
            parts,
        };
        (0..count).for_each(|buffer| receiver.post(buffer));
        receiver
    }

    fn post(&mut self, buffer: u16) {
        let address = self.physical + usize::from(buffer) as u64 * self.format.buffer as u64;
        let segment = Segment {
            address,
            len: self.format.buffer as u32,
            device_writes: true,
        };
        // There is a descriptor for each buffer; only a broken queue refuses, and that one needs none.
        if let Some(head) = self.queue.add(&[segment]) {
            self.by_head[usize::from(head)] = buffer;
        }
    }

    /// Gives the device what was dropped since, if it is at least `minimum` frames.
    pub(super) fn repost(&mut self, minimum: usize) {
        let returned = Arc::clone(&self.returned);
        let mut returned = returned.0.lock();
        if returned.len() < minimum {
            return;
        }
        for (first, count) in returned.drain(..) {
            (first..first + count).for_each(|buffer| self.post(buffer));
        }
    }

    /// The next sound frame; others are dropped on the way.
    pub(super) fn next(&mut self) -> Option<RxBuffer> {
        self.repost(BATCH);
        while let Some(used) = self.queue.pop() {
            self.parts.clear();
            if let Some(frame) = self.frame(used) {
                return Some(frame);
            }
            let mut returned = self.returned.0.lock();
            returned.extend(self.parts.iter().map(|&(buffer, _)| (buffer, 1)));
        }
        None
    }

    /// Puts the frame together that begins with this buffer; all its buffers are in `parts` afterwards.
    fn frame(&mut self, used: Used) -> Option<RxBuffer> {
        let first = self.take(used);
        let header = self.header(first.0);
        let flags = header[0];
        let count = if self.format.merged {
            u16::from_le_bytes([header[10], header[11]])
        } else {
            1
        };
        for _ in 1..count {
            // All buffers of a frame are finished at once (virtio 1.2, 5.1.6.4); a device that counts wrongly loses the frame.
            let used = self.queue.pop()?;
            self.take(used);
        }
        let total: usize = self.parts.iter().map(|&(_, len)| len).sum();
        let len = total
            .checked_sub(self.format.header)
            .filter(|len| (1..=MAX_FRAME).contains(len))?;
        if first.1 < self.format.header {
            return None;
        }
        let verified = flags & (FLAG_NEEDS_CHECKSUM | FLAG_DATA_VALID) != 0;
        let full = |part: &[(u16, usize)]| part[0].0 + 1 == part[1].0 && part[0].1 == self.format.buffer;
        if self.parts.windows(2).all(full) {
            let count = self.parts.len() as u16;
            // SAFETY: 1. the neighbouring buffers are `total` bytes of memory that lives forever; 2. the device has given them
            // back, and gets them only through `repost`.
            return Some(unsafe {
                let data = self.buffer(first.0).byte_add(self.format.header);
                RxBuffer::from_device(
                    Arc::clone(&self.returned) as _,
                    (data, len),
                    (first.0, count),
                    verified,
                )
            });
        }
        let frame = self.copy(len);
        let mut returned = self.returned.0.lock();
        returned.extend(self.parts.iter().map(|&(buffer, _)| (buffer, 1)));
        Some(RxBuffer::from_vec(frame, verified))
    }

    fn take(&mut self, used: Used) -> (u16, usize) {
        let part = (self.by_head[usize::from(used.head)], used.written as usize);
        self.parts.push(part);
        part
    }

    fn copy(&self, len: usize) -> Vec<u8> {
        let mut frame = Vec::with_capacity(len);
        let mut skip = self.format.header;
        for &(buffer, len) in &self.parts {
            // SAFETY: `len` is at most the buffer's size (the queue sees to that), and the device has given it back.
            let bytes = unsafe { core::slice::from_raw_parts(self.buffer(buffer).as_ptr(), len) };
            frame.extend_from_slice(bytes.get(skip..).unwrap_or(&[]));
            skip = skip.saturating_sub(len);
        }
        frame
    }

    fn header(&self, buffer: u16) -> [u8; 12] {
        // SAFETY: every buffer is longer than a header, and the device has given this one back.
        unsafe { self.buffer(buffer).cast::<[u8; 12]>().read() }
    }

    fn buffer(&self, buffer: u16) -> NonNull<u8> {
        // SAFETY: buffer numbers are below the queue's size, for which the memory was allocated.
        unsafe { self.memory.byte_add(usize::from(buffer) * self.format.buffer) }
    }
}
