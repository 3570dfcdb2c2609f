//! Where the guest's words go: a file, a pipe or a terminal, without ever holding up the guest for long.
//!
//! [`Output`] writes a regular file directly. Anything else may be full, so there it writes only what
//! `poll(2)` promises not to block, keeps up to [`BACKLOG_MAX`] bytes, and drops and counts what comes after. Whoever
//! owns the event loop is woken through an eventfd when a backlog begins, and calls [`Output::drain`] when the descriptor can be written.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    os::fd::{AsRawFd, RawFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use vmm_sys_util::eventfd::EventFd;

/// Most bytes kept for a reader that is too slow.
const BACKLOG_MAX: usize = 64 << 10;

/// `PIPE_BUF` of Linux, `pipe(7)`: a pipe that polls writable takes this much without blocking.
const CHUNK: usize = 4096;

/// An output shared by the devices that write to it.
pub(crate) type SharedOutput = Arc<Mutex<Output>>;

/// One destination of guest output.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    is_regular: bool,
    backlog: VecDeque<u8>,
    dropped_bytes: u64,
    wake: EventFd,
}

impl Output {
    /// Wraps `file`; `wake` is written when a backlog begins.
    pub(crate) fn new(file: File, wake: EventFd) -> SharedOutput {
        let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
        Arc::new(Mutex::new(Self {
            file,
            is_regular,
            backlog: VecDeque::new(),
            dropped_bytes: 0,
            wake,
        }))
    }

    /// Takes all of `bytes`: written, kept or dropped.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.is_regular {
            if self.file.write_all(bytes).is_err() {
                self.dropped_bytes += bytes.len() as u64;
            }
            return;
        }
        let was_idle = self.backlog.is_empty();
        let room = BACKLOG_MAX.saturating_sub(self.backlog.len()).min(bytes.len());
        self.backlog.extend(&bytes[..room]);
        self.dropped_bytes += (bytes.len() - room) as u64;
        self.drain();
        if was_idle && !self.backlog.is_empty() {
            // A saturated eventfd wakes the loop just as well.
            let _ = self.wake.write(1);
        }
    }

    /// Writes what can be written now; `true` if nothing is left.
    pub(crate) fn drain(&mut self) -> bool {
        while !self.backlog.is_empty() {
            if !writable_within(self.file.as_raw_fd(), 0) {
                return false;
            }
            let (front, _) = self.backlog.as_slices();
            match self.file.write(&front[..front.len().min(CHUNK)]) {
                Ok(written) => drop(self.backlog.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => {
                    // The reader is gone for good; the guest runs on.
                    self.dropped_bytes += self.backlog.len() as u64;
                    self.backlog.clear();
                }
            }
        }
        true
    }

    /// Last words: gives a slow reader up to `patience`, then drops the rest.
    pub(crate) fn finish(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while !self.drain() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || !writable_within(self.file.as_raw_fd(), left.as_millis() as i32) {
                return;
            }
        }
    }

    /// Bytes that no reader will see.
    pub(crate) fn dropped_bytes(&self) -> u64 {
        self.dropped_bytes
    }
}

impl AsRawFd for Output {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// Locks even after a panic elsewhere: the worst that a half-done write leaves is a lost byte.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn writable_within(fd: RawFd, milliseconds: i32) -> bool {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `poll` is one valid pollfd and outlives the call.
    let ready = unsafe { libc::poll(&raw mut poll, 1, milliseconds) };
    // An error condition counts as writable, so that the write reports it.
    ready == 1
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::fd::OwnedFd};

    use super::*;

    fn pipe() -> (io::PipeReader, SharedOutput) {
        let (reader, writer) = io::pipe().unwrap();
        let wake = EventFd::new(libc::EFD_NONBLOCK).unwrap();
        (reader, Output::new(File::from(OwnedFd::from(writer)), wake))
    }

    #[test]
    fn a_full_pipe_never_blocks_and_loses_only_the_excess() {
        let (mut reader, output) = pipe();
        let mut output = lock(&output);
        let total = 1 << 20;
        for _ in 0..total / 1024 {
            output.write(&[b'x'; 1024]);
        }
        assert_eq!(
            output.wake.read().unwrap(),
            1,
            "the event loop is told of the backlog once"
        );
        let dropped = output.dropped_bytes();
        assert!(dropped > 0, "1 MiB does not fit a pipe and the backlog");
        let mut seen = 0;
        let mut buffer = [0; 65536];
        loop {
            seen += reader.read(&mut buffer).unwrap();
            if output.drain() && seen as u64 + dropped >= total {
                break;
            }
        }
        assert_eq!(seen as u64 + dropped, total);
    }

    #[test]
    fn a_closed_reader_is_not_an_error() {
        let (reader, output) = pipe();
        drop(reader);
        lock(&output).write(b"nobody listens");
        assert_eq!(lock(&output).dropped_bytes(), 14);
        lock(&output).finish(Duration::from_secs(1));
    }
}
