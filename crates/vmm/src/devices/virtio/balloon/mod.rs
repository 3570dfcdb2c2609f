//! Balloon device (virtio 1.2, section 5.5): the guest's unused memory goes back to the host.
//!
//! Two ways: the driver inflates the balloon by pages that it is asked for (`PATCH /balloon`), and it reports ranges that it does not use at the moment
//! (free page reporting), which it may use again without asking. Either way the host forgets what is in them; the guest finds zeros at its next touch.
//! What the driver names is checked to be its own memory, and only whole pages of the host in it are taken.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use virtio_queue::Queue;
use vm_memory::{GuestAddress, GuestMemoryBackend};

use super::{
    Cause, VirtioDevice,
    queue::{self, Chain, Error, Progress},
};
use crate::{memory::GuestMemory, metrics::METRICS};

/// Device ID.
const ID: u32 = 5;
/// Inflation, deflation and reporting. Without statistics and hinting the latter is queue 2 to Linux and to Firecracker (queue 4 in the text of the
/// standard, which counts queues that are not there).
const QUEUE_SIZES: &[u16] = &[64, 64, 64];
const INFLATE: usize = 0;
const REPORTING: usize = 2;
/// Requests per call.
const BUDGET: usize = 16;
/// Page numbers that are looked at in one request; Linux sends 256.
const NUMBERS_MAX: usize = 1024;
/// A page of the balloon (5.5.6), and of the host.
const PAGE: usize = 4096;
/// Length of a huge page of x86-64 in bytes.
const HUGE_PAGE: usize = 2 << 20;

/// `VIRTIO_BALLOON_F_DEFLATE_ON_OOM`.
const DEFLATE_ON_OOM: u64 = 1 << 2;
/// `VIRTIO_BALLOON_F_PAGE_REPORTING`.
const PAGE_REPORTING: u64 = 1 << 5;

/// What the API has asked for.
#[derive(Clone, Debug)]
pub(crate) struct Backing {
    /// Pages that the balloon shall have; may change while the guest runs.
    pub(crate) pages: Arc<AtomicU32>,
    /// The driver may take pages back when it has no others.
    pub(crate) deflate_on_oom: bool,
    /// The driver may report free memory.
    pub(crate) reporting: bool,
}

/// The device.
#[derive(Debug)]
pub(crate) struct Balloon {
    backing: Backing,
}

impl Balloon {
    /// A device as configured.
    pub(crate) fn new(backing: Backing) -> Self {
        Self { backing }
    }
}

/// Takes the pages that an inflation request names (5.5.6.1).
fn inflate(mut chain: Chain<'_>, memory: &GuestMemory) {
    for _ in 0..NUMBERS_MAX {
        let mut number = [0; 4];
        if chain.readable.read(&mut number) != number.len() {
            return;
        }
        let address = u64::from(u32::from_le_bytes(number)) * PAGE as u64;
        if let Ok(page) = memory.get_slice(GuestAddress(address), PAGE) {
            discard(page.ptr_guard_mut().as_ptr() as usize, PAGE);
        }
    }
}

/// Takes the ranges that a reporting request names (5.5.6.7).
fn report(chain: &Chain<'_>) {
    let mut ranges = Vec::with_capacity(64);
    chain.writable.append_to(&mut ranges);
    for range in ranges {
        discard(range.iov_base as usize, range.iov_len);
    }
}

/// Has the host forget the whole pages of a range of guest memory.
fn discard(start: usize, length: usize) {
    let first = start.next_multiple_of(PAGE);
    let bytes = (start + length).saturating_sub(first) / PAGE * PAGE;
    if bytes == 0 {
        return;
    }
    prefer_small_pages(first, bytes);
    // SAFETY: 1. the caller took the range from guest memory, which is mapped, private and anonymous, and nothing else lies between;
    // 2. guest memory is only accessed through volatile slices, so that its contents may change at any time.
    // On huge pages of the pool it fails where the range has no whole one; then the page stays.
    if unsafe { libc::madvise(first as *mut libc::c_void, bytes, libc::MADV_DONTNEED) } == 0 {
        METRICS.balloon_bytes.add(bytes as u64);
    }
}

/// Backs the surroundings of a range by small pages from now on.
///
/// What the guest gives back in pieces it takes again in pieces, and writes its free lists into them: each such touch would bring 2 MiB, and so would the
/// host's khugepaged. Of 64 MiB given back a third returned within 10 s.
fn prefer_small_pages(start: usize, bytes: usize) {
    let first = start / HUGE_PAGE * HUGE_PAGE;
    let end = (start + bytes).next_multiple_of(HUGE_PAGE);
    // SAFETY: the advice changes nothing that is read or written, in guest memory or beside it. Where it fails (nothing is mapped at an end, or
    // the process has as many mappings as it may) the pages stay as they were.
    unsafe { libc::madvise(first as *mut libc::c_void, end - first, libc::MADV_NOHUGEPAGE) };
}

impl VirtioDevice for Balloon {
    fn id(&self) -> u32 {
        ID
    }

    fn queue_sizes(&self) -> &'static [u16] {
        match self.backing.reporting {
            true => QUEUE_SIZES,
            false => &QUEUE_SIZES[..REPORTING],
        }
    }

    fn features(&self) -> u64 {
        let mut features = 0;
        if self.backing.deflate_on_oom {
            features |= DEFLATE_ON_OOM;
        }
        if self.backing.reporting {
            features |= PAGE_REPORTING;
        }
        features
    }

    /// `struct virtio_balloon_config` (5.5.4): pages wanted. Pages had are the driver's to write, and nobody asks.
    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let mut config = [0; 8];
        let pages = self.backing.pages.load(Ordering::Relaxed);
        config[..4].copy_from_slice(&pages.to_le_bytes());
        super::copy_config(&config, offset, data);
    }

    fn process(
        &mut self,
        cause: Cause,
        queues: &mut [Queue],
        memory: &GuestMemory,
    ) -> Result<Progress, Error> {
        let index = match cause {
            Cause::Queue(index) => index,
            Cause::Source => return Ok(Progress::default()),
        };
        let Some(queue) = queues.get_mut(index) else {
            return Ok(Progress::default());
        };
        queue::serve(queue, memory, BUDGET, |chain| {
            match index {
                INFLATE => inflate(chain, memory),
                REPORTING => report(&chain),
                // Deflation takes no work: the pages come at their first touch.
                _ => {}
            }
            0
        })
    }
}

#[cfg(test)]
mod tests;
