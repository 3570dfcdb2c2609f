//! File system device (virtio 1.2, section 5.11): a folder of the host's, by FUSE requests over a queue.
//!
//! The file system itself is `fuse-backend-rs`' passthrough, which names inodes by descriptors and takes names of one component only. A request is
//! copied out of guest memory before it is looked at, so that the guest cannot change it meanwhile; the reply goes by way of a `memfd`, as to `/dev/fuse`.
//!
//! Each device has a thread of its own ([`confine`]): a slow disk does not hold up the network, and the thread sees nothing of the host but the folder.

mod backing;
pub(crate) mod confine;

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
    os::{
        fd::{AsRawFd, FromRawFd},
        unix::fs::FileExt,
    },
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use fuse_backend_rs::{
    api::server::Server,
    passthrough::PassthroughFs,
    transport::{FuseBuf, FuseDevWriter, Reader},
};
use virtio_queue::Queue;

pub(crate) use backing::{Backing, Error};

use super::{
    Cause, VirtioDevice,
    queue::{self, Chain, Progress},
};
use crate::{memory::GuestMemory, metrics::METRICS};

/// Device ID.
const ID: u32 = 26;
/// High priority and requests.
const QUEUE_SIZES: &[u16] = &[64, 128];
/// Requests per call.
const BUDGET: usize = 16;
/// Longest request and reply in bytes: 1 MiB of data, and a page of headers, as the server has it.
const MESSAGE_MAX: usize = (1 << 20) + 4096;
/// `struct fuse_in_header` and `struct fuse_out_header` of `linux/fuse.h`.
const IN_HEADER: usize = 40;
const OUT_HEADER: usize = 16;
/// Longest tag in bytes, 5.11.4.
pub(crate) const TAG_MAX: usize = 36;

/// The device.
pub(crate) struct Fs {
    tag: String,
    server: Server<Arc<PassthroughFs>>,
    /// Where the server writes replies.
    replies: Arc<File>,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Fs {
    /// A device over `backing`.
    pub(crate) fn new(backing: Backing) -> Self {
        Self {
            tag: backing.tag,
            server: Server::new(backing.files),
            replies: backing.replies,
            request: Vec::new(),
            reply: Vec::new(),
        }
    }

    /// Does one request; returns how many bytes were written to the guest.
    fn handle(&mut self, mut chain: Chain<'_>) -> u32 {
        METRICS.fs_requests.add(1);
        match self.answer(&mut chain) {
            Some(bytes) => bytes as u32,
            None => {
                METRICS.fs_errors.add(1);
                0
            }
        }
    }

    /// `None` for what is no request, and where the reply did not come about; the driver sees an empty reply then.
    fn answer(&mut self, chain: &mut Chain<'_>) -> Option<usize> {
        let length = chain.readable.len();
        if !(IN_HEADER..=MESSAGE_MAX).contains(&length) {
            return None;
        }
        self.request.resize(length, 0);
        chain.readable.read(&mut self.request);
        // The server believes the header about what follows it.
        let said = self
            .request
            .first_chunk()
            .map(|bytes| u32::from_le_bytes(*bytes) as usize);
        if said != Some(length) {
            return None;
        }
        let room = chain.writable.len().min(MESSAGE_MAX);
        self.reply.resize(room.max(OUT_HEADER), 0);
        (&*self.replies).seek(SeekFrom::Start(0)).ok()?;
        self.serve()?;
        let written = (&*self.replies).stream_position().ok()?;
        let written = usize::try_from(written).ok()?.min(room);
        let mut bytes = std::mem::take(&mut self.reply);
        bytes.resize(written, 0);
        let copied = self.replies.read_exact_at(&mut bytes, 0);
        let given = copied.map(|()| chain.writable.write(&bytes));
        self.reply = bytes;
        given.ok()
    }

    fn serve(&mut self) -> Option<()> {
        let reader = Reader::<()>::from_fuse_buffer(FuseBuf::new(&mut self.request)).ok()?;
        let writer = FuseDevWriter::<()>::new(self.replies.as_raw_fd(), &mut self.reply).ok()?;
        let server = &self.server;
        // A defect of the server's costs one request, not the thread that other requests wait for.
        let done = catch_unwind(AssertUnwindSafe(|| {
            server.handle_message(reader, writer.into(), None, None)
        }));
        match done {
            Ok(Ok(_)) => Some(()),
            Ok(Err(error)) => {
                log::debug!("a request to folder {}: {error}", self.tag);
                None
            }
            Err(_) => {
                log::error!("the server of folder {} panicked", self.tag);
                None
            }
        }
    }
}

/// Memory to write replies to.
fn memory_file() -> io::Result<File> {
    // SAFETY: the name is a string with its zero.
    let fd = unsafe { libc::memfd_create(c"fuse-replies".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nobody else's.
    Ok(unsafe { File::from_raw_fd(fd) })
}

impl VirtioDevice for Fs {
    fn id(&self) -> u32 {
        ID
    }

    fn queue_sizes(&self) -> &'static [u16] {
        QUEUE_SIZES
    }

    /// `struct virtio_fs_config` (5.11.4): the tag, padded with zeros, and the number of request queues.
    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let mut config = [0; TAG_MAX + 4];
        config[..self.tag.len()].copy_from_slice(self.tag.as_bytes());
        config[TAG_MAX..].copy_from_slice(&1u32.to_le_bytes());
        super::copy_config(&config, offset, data);
    }

    fn process(
        &mut self,
        cause: Cause,
        queues: &mut [Queue],
        memory: &GuestMemory,
    ) -> Result<Progress, queue::Error> {
        let Cause::Queue(index) = cause else {
            return Ok(Progress::default());
        };
        match queues.get_mut(index) {
            Some(queue) => queue::serve(queue, memory, BUDGET, |chain| self.handle(chain)),
            None => Ok(Progress::default()),
        }
    }
}

#[cfg(test)]
mod tests;
