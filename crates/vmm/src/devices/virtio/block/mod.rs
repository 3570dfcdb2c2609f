//! Block device (virtio 1.2, section 5.2) over a file or block device of the host.
//!
//! Data goes between file and guest memory by `preadv(2)` and `pwritev(2)`, without a copy of ours. Requests are done one after another
//! on the device thread: the images are small and in the page cache.

mod backing;

use std::os::fd::AsRawFd;

use virtio_bindings::bindings::virtio_blk::{
    VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_RO, VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_OK,
    VIRTIO_BLK_S_UNSUPP, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT,
};
use virtio_queue::Queue;

pub(crate) use backing::{Backing, Error, Options};

use super::{
    Cause, VirtioDevice,
    queue::{self, Chain, Progress, Slices},
};
use crate::{memory::GuestMemory, metrics::METRICS, output::lock};

/// Device ID.
const ID: u32 = 2;
const QUEUE_SIZE: u16 = 256;
const QUEUE_SIZES: &[u16] = &[QUEUE_SIZE];
/// Requests per call.
const BUDGET: usize = 32;
/// Unit of addresses and lengths in bytes.
pub(crate) const SECTOR: u64 = 512;
/// Length of the answer to `VIRTIO_BLK_T_GET_ID` in bytes.
const ID_LENGTH: usize = 20;
/// Length of `struct virtio_blk_req`'s fixed part: type, reserved, sector.
const HEADER: usize = 16;
/// Most bytes of data in one request, far above what drivers send; bounds the time of one request.
const DATA_MAX: usize = 32 << 20;
/// Data segments per request: the queue without header and status.
const SEGMENTS_MAX: u32 = QUEUE_SIZE as u32 - 2;

/// The device.
#[derive(Debug)]
pub(crate) struct Block {
    backing: Backing,
}

impl Block {
    /// A device over `backing`.
    pub(crate) fn new(backing: Backing) -> Self {
        Self { backing }
    }

    /// Does one request; returns how many bytes were written to the guest.
    fn handle(&self, mut chain: Chain<'_>) -> u32 {
        // The status is the last byte that the device may write (5.2.6).
        let Some(data_length) = chain.writable.len().checked_sub(1) else {
            METRICS.block_errors.add(1);
            return 0;
        };
        let data_in = chain.writable.take(data_length);
        let (status, written) = match self.request(&mut chain.readable, data_in) {
            Ok(written) => (VIRTIO_BLK_S_OK, written),
            Err(status) => {
                METRICS.block_errors.add(1);
                (status, 0)
            }
        };
        METRICS.block_requests.add(1);
        chain.writable.write(&[status as u8]);
        // The status byte counts only where all before it was written; else the driver looks at its buffer anyway.
        written as u32 + 1
    }

    /// `Err` is the status to report.
    fn request(&self, readable: &mut Slices<'_>, mut data_in: Slices<'_>) -> Result<usize, u32> {
        let mut header = [0; HEADER];
        if readable.read(&mut header) != HEADER {
            return Err(VIRTIO_BLK_S_IOERR);
        }
        let [a, b, c, d, _, _, _, _, sector @ ..] = header;
        let sector = u64::from_le_bytes(sector);
        match u32::from_le_bytes([a, b, c, d]) {
            VIRTIO_BLK_T_IN => self.transfer(sector, &data_in, libc::preadv).inspect(|length| {
                METRICS.block_read_bytes.add(*length as u64);
            }),
            VIRTIO_BLK_T_OUT if self.backing.options.is_read_only => Err(VIRTIO_BLK_S_IOERR),
            VIRTIO_BLK_T_OUT => {
                let length = self.transfer(sector, readable, libc::pwritev)?;
                METRICS.block_written_bytes.add(length as u64);
                Ok(0)
            }
            VIRTIO_BLK_T_FLUSH if self.backing.options.flushes => {
                let file = lock(&self.backing.file);
                file.sync().map_err(|_| VIRTIO_BLK_S_IOERR)?;
                Ok(0)
            }
            VIRTIO_BLK_T_FLUSH => Ok(0),
            VIRTIO_BLK_T_GET_ID => {
                let mut id = [0; ID_LENGTH];
                let name = self.backing.options.id.as_bytes();
                let count = name.len().min(ID_LENGTH);
                id[..count].copy_from_slice(&name[..count]);
                Ok(data_in.write(&id))
            }
            _ => Err(VIRTIO_BLK_S_UNSUPP),
        }
    }

    fn transfer(&self, sector: u64, data: &Slices<'_>, call: Vectored) -> Result<usize, u32> {
        let file = lock(&self.backing.file);
        let length = data.len() as u64;
        let end = sector
            .checked_mul(SECTOR)
            .and_then(|offset| offset.checked_add(length));
        let fits = end.is_some_and(|end| end <= file.sectors() * SECTOR);
        if !fits || !length.is_multiple_of(SECTOR) || data.len() > DATA_MAX {
            return Err(VIRTIO_BLK_S_IOERR);
        }
        let mut vectors = Vec::with_capacity(8);
        data.append_to(&mut vectors);
        all(call, file.as_raw_fd(), &mut vectors, sector * SECTOR)
            .then_some(data.len())
            .ok_or(VIRTIO_BLK_S_IOERR)
    }
}

/// `preadv(2)` or `pwritev(2)`.
type Vectored = unsafe extern "C" fn(libc::c_int, *const libc::iovec, libc::c_int, libc::off_t) -> isize;

/// Repeats `call` until everything is transferred; `false` on an error or an early end of the file.
fn all(call: Vectored, fd: libc::c_int, mut vectors: &mut [libc::iovec], mut offset: u64) -> bool {
    while !vectors.is_empty() {
        // SAFETY: 1. each vector is a checked piece of guest memory, mapped while the slices live;
        // 2. a chain has at most as many parts as the queue has entries, below IOV_MAX;
        // 3. guest memory may change under the call, which the kernel is made for.
        let done = unsafe {
            call(
                fd,
                vectors.as_ptr(),
                vectors.len() as libc::c_int,
                offset as libc::off_t,
            )
        };
        let mut done = match done {
            1.. => done as usize,
            0 => return false,
            _ if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted => continue,
            _ => return false,
        };
        offset += done as u64;
        while let Some(first) = vectors.first_mut() {
            if done < first.iov_len {
                first.iov_base = first.iov_base.wrapping_byte_add(done);
                first.iov_len -= done;
                break;
            }
            done -= first.iov_len;
            vectors = &mut vectors[1..];
        }
    }
    true
}

impl VirtioDevice for Block {
    fn id(&self) -> u32 {
        ID
    }

    fn queue_sizes(&self) -> &'static [u16] {
        QUEUE_SIZES
    }

    fn features(&self) -> u64 {
        let options = &self.backing.options;
        let mut features = 1 << VIRTIO_BLK_F_SEG_MAX;
        if options.is_read_only {
            features |= 1 << VIRTIO_BLK_F_RO;
        }
        if options.flushes {
            features |= 1 << VIRTIO_BLK_F_FLUSH;
        }
        features
    }

    /// `struct virtio_blk_config` (5.2.4): capacity in sectors, unused `size_max`, `seg_max`.
    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let mut config = [0; 16];
        config[..8].copy_from_slice(&lock(&self.backing.file).sectors().to_le_bytes());
        config[12..].copy_from_slice(&SEGMENTS_MAX.to_le_bytes());
        super::copy_config(&config, offset, data);
    }

    fn process(
        &mut self,
        _: Cause,
        queues: &mut [Queue],
        memory: &GuestMemory,
    ) -> Result<Progress, queue::Error> {
        queue::serve(&mut queues[0], memory, BUDGET, |chain| self.handle(chain))
    }
}

#[cfg(test)]
mod tests;
