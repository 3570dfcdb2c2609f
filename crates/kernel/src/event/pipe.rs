//! Pipes, `pipe(7)`: two files over one buffer.
//!
//! Each end has its own queue, so that an edge-triggered watcher of one end is not told of what its own side did.

use crate::{
    errno::{Errno, Result},
    file::{File, Poll, Stat},
    sync::Lock,
    user::UserPtr,
    wait::WaitQueue,
};
use alloc::{collections::VecDeque, sync::Arc};
use core::{
    any::Any,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};
use linux_raw_sys::{general as raw, ioctl};

/// Capacity of a new pipe in bytes (`pipe(7)`).
const CAPACITY: usize = 64 << 10;

/// The most that `F_SETPIPE_SZ` takes, as `/proc/sys/fs/pipe-max-size` says.
pub const MAX_CAPACITY: usize = 1 << 20;

/// Writes of at most this many bytes are not mixed with others (`PIPE_BUF`).
const ATOMIC: usize = raw::PIPE_BUF as usize;

static NEXT_INODE: AtomicU64 = AtomicU64::new(1 << 32);

struct Shared {
    buffer: Lock<VecDeque<u8>>,
    capacity: Lock<usize>,
    inode: u64,
    read_open: AtomicBool,
    write_open: AtomicBool,
    read_queue: WaitQueue,
    write_queue: WaitQueue,
}

/// One end of a pipe.
pub struct PipeEnd {
    shared: Arc<Shared>,
    writes: bool,
}

impl core::fmt::Debug for PipeEnd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "pipe:[{}]", self.shared.inode)
    }
}

/// A new pipe: the end to read, the end to write.
#[must_use]
pub fn new() -> (Arc<PipeEnd>, Arc<PipeEnd>) {
    let shared = Arc::new(Shared {
        buffer: Lock::new(VecDeque::new()),
        capacity: Lock::new(CAPACITY),
        inode: NEXT_INODE.fetch_add(1, Ordering::Relaxed),
        read_open: AtomicBool::new(true),
        write_open: AtomicBool::new(true),
        read_queue: WaitQueue::new(),
        write_queue: WaitQueue::new(),
    });
    (
        Arc::new(PipeEnd {
            shared: shared.clone(),
            writes: false,
        }),
        Arc::new(PipeEnd { shared, writes: true }),
    )
}

impl PipeEnd {
    /// Capacity in bytes (`F_GETPIPE_SZ`, `fcntl(2)`).
    #[must_use]
    pub fn capacity(&self) -> usize {
        *self.shared.capacity.lock()
    }

    /// Changes the capacity to at least `bytes`, and gives what it became (`F_SETPIPE_SZ`, `fcntl(2)`).
    ///
    /// # Errors
    ///
    /// `EINVAL` for nothing, `EPERM` above [`MAX_CAPACITY`], `EBUSY` below what the pipe holds.
    pub fn set_capacity(&self, bytes: usize) -> Result<usize> {
        if bytes == 0 || bytes > 1 << 31 {
            return Err(Errno::EINVAL);
        }
        if bytes > MAX_CAPACITY {
            return Err(Errno::EPERM);
        }
        let capacity = bytes.next_power_of_two().max(crate::mm::PAGE_SIZE);
        if self.shared.buffer.lock().len() > capacity {
            return Err(Errno::EBUSY);
        }
        *self.shared.capacity.lock() = capacity;
        self.shared.write_queue.wake_all();
        Ok(capacity)
    }

    fn free(&self) -> usize {
        self.capacity().saturating_sub(self.shared.buffer.lock().len())
    }
}

impl File for PipeEnd {
    fn read(&self, _: u64, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let free_before = self.free();
        let count = {
            let mut held = self.shared.buffer.lock();
            let count = held.len().min(buffer.len());
            let (first, second) = held.as_slices();
            let split = count.min(first.len());
            buffer[..split].copy_from_slice(&first[..split]);
            buffer[split..count].copy_from_slice(&second[..count - split]);
            held.drain(..count);
            count
        };
        if count == 0 {
            return if self.shared.write_open.load(Ordering::Relaxed) {
                Err(Errno::EAGAIN)
            } else {
                Ok(0)
            };
        }
        // A writer waits only where less than an atomic write is free.
        if free_before < ATOMIC {
            self.shared.write_queue.wake_all();
        }
        Ok(count)
    }

    fn write(&self, _: u64, buffer: &[u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if !self.shared.read_open.load(Ordering::Relaxed) {
            crate::signal::raise_sigpipe();
            return Err(Errno::EPIPE);
        }
        let free = self.free();
        if free == 0 || (buffer.len() <= ATOMIC && free < buffer.len()) {
            return Err(Errno::EAGAIN);
        }
        let count = buffer.len().min(free);
        self.shared.buffer.lock().extend(&buffer[..count]);
        self.shared.read_queue.wake_all();
        Ok(count)
    }

    fn poll(&self) -> Poll {
        let mut ready = Poll::empty();
        if self.writes {
            ready.set(Poll::OUT, self.free() >= ATOMIC);
            ready.set(Poll::ERR, !self.shared.read_open.load(Ordering::Relaxed));
        } else {
            ready.set(Poll::IN, !self.shared.buffer.lock().is_empty());
            ready.set(Poll::HUP, !self.shared.write_open.load(Ordering::Relaxed));
        }
        ready
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(if self.writes {
            &self.shared.write_queue
        } else {
            &self.shared.read_queue
        })
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            dev: 14,
            ino: self.shared.inode,
            mode: raw::S_IFIFO | 0o600,
            nlink: 1,
            ..Stat::default()
        })
    }

    fn ioctl(&self, request: u32, argument: u64) -> Result<usize> {
        match request {
            ioctl::FIONREAD => {
                let held = self.shared.buffer.lock().len();
                UserPtr::<i32>::new(argument).write(i32::try_from(held).unwrap_or(i32::MAX))?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }

    fn release(&self) {
        if self.writes {
            self.shared.write_open.store(false, Ordering::Relaxed);
            self.shared.read_queue.wake_all();
        } else {
            self.shared.read_open.store(false, Ordering::Relaxed);
            self.shared.write_queue.wake_all();
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::Counter;

    #[test]
    fn bytes_come_out_in_order_and_the_end_is_seen() {
        let (reader, writer) = new();
        assert_eq!(reader.read(0, &mut [0; 4]), Err(Errno::EAGAIN));
        assert_eq!((writer.write(0, b"abc"), writer.write(0, b"de")), (Ok(3), Ok(2)));
        let mut buffer = [0; 4];
        assert_eq!((reader.read(0, &mut buffer), &buffer), (Ok(4), b"abcd"));
        writer.release();
        assert_eq!(reader.poll(), Poll::IN | Poll::HUP);
        assert_eq!((reader.read(0, &mut buffer), buffer[0]), (Ok(1), b'e'));
        assert_eq!(reader.read(0, &mut buffer), Ok(0));
        assert_eq!(reader.poll(), Poll::HUP);
    }

    #[test]
    fn small_writes_are_atomic_and_large_ones_partial() {
        let (reader, writer) = new();
        assert_eq!(writer.write(0, &[1; CAPACITY - 100]), Ok(CAPACITY - 100));
        assert_eq!(writer.poll(), Poll::empty());
        assert_eq!(writer.write(0, &[2; 101]), Err(Errno::EAGAIN));
        assert_eq!(writer.write(0, &[2; ATOMIC + 1]), Ok(100));
        assert_eq!(writer.write(0, &[2]), Err(Errno::EAGAIN));
        let (woken, waiter) = Counter::new();
        writer.queue().unwrap().add(&waiter);
        assert_eq!(reader.read(0, &mut [0; ATOMIC]), Ok(ATOMIC));
        assert_eq!((woken.count(), writer.poll()), (1, Poll::OUT));
        // There was room already: nobody can have been waiting for it.
        assert_eq!(reader.read(0, &mut [0; 1]), Ok(1));
        assert_eq!(woken.count(), 1);
    }

    #[test]
    fn a_lost_reader_is_an_error_for_the_writer() {
        let (reader, writer) = new();
        let (woken, waiter) = Counter::new();
        writer.queue().unwrap().add(&waiter);
        reader.release();
        assert_eq!((woken.count(), writer.poll()), (1, Poll::OUT | Poll::ERR));
        assert_eq!(writer.write(0, b""), Ok(0));
    }

    #[test]
    fn the_capacity_can_be_changed_within_reason() {
        let (_reader, writer) = new();
        assert_eq!(writer.set_capacity(5000), Ok(8192));
        assert_eq!(writer.write(0, &[0; 9000]), Ok(8192));
        assert_eq!(writer.set_capacity(4096), Err(Errno::EBUSY));
        assert_eq!(writer.set_capacity(MAX_CAPACITY + 1), Err(Errno::EPERM));
        assert_eq!(writer.set_capacity(0), Err(Errno::EINVAL));
        assert_eq!(writer.set_capacity(65536), Ok(65536));
    }
}
