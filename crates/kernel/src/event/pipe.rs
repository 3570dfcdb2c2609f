//! Pipes, `pipe(7)` and `fifo(7)`: ends over one buffer.
//!
//! Each side has its own queue, so that an edge-triggered watcher of one side is not told of what it did itself.

use crate::{
    errno::{Errno, Result},
    file::{File, Poll, Stat},
    mm::PAGE_SIZE,
    sync::Lock,
    user::UserPtr,
    wait::{WaitQueue, wait_until},
};
use alloc::{collections::VecDeque, sync::Arc};
use core::{
    any::Any,
    ops::Range,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};
use linux_raw_sys::{general as raw, ioctl};

/// Capacity of a new pipe in bytes (`pipe(7)`).
const CAPACITY: usize = 64 << 10;

/// The most that `F_SETPIPE_SZ` takes, as `/proc/sys/fs/pipe-max-size` says.
pub const MAX_CAPACITY: usize = 1 << 20;

/// Writes of at most this many bytes are not mixed with others (`PIPE_BUF`).
const ATOMIC: usize = raw::PIPE_BUF as usize;

static NEXT_INODE: AtomicU64 = AtomicU64::new(1 << 32);

/// What a pipe holds.
#[derive(Default)]
struct Held {
    bytes: VecDeque<u8>,
    /// How many bytes were ever taken away: places in the pipe are counted from its making.
    taken: u64,
    /// Where the packets among the bytes are (`O_DIRECT` in `pipe(2)`): one read ends with one of them.
    packets: VecDeque<Range<u64>>,
}

impl Held {
    /// How many of the first `count` bytes one read takes: it ends with a packet.
    fn one_read(&self, count: usize) -> usize {
        let count = count.min(self.bytes.len());
        match self.packets.front() {
            Some(packet) if packet.start < self.taken + count as u64 => {
                count.min((packet.end - self.taken) as usize)
            }
            _ => count,
        }
    }

    /// Takes bytes that were read away, and what of a packet was not read.
    fn take(&mut self, count: usize) {
        let mut end = self.taken + count.min(self.bytes.len()) as u64;
        if let Some(packet) = self.packets.front()
            && packet.start < end
        {
            end = packet.end;
            self.packets.pop_front();
        }
        self.bytes.drain(..(end - self.taken) as usize);
        self.taken = end;
    }

    /// Adds bytes as one packet; behind bytes that are in none they join those, as on Linux.
    fn add_packet(&mut self, bytes: &[u8]) {
        let start = self.taken + self.bytes.len() as u64;
        let joins = !self.bytes.is_empty() && self.packets.back().is_none_or(|last| last.end != start);
        self.bytes.extend(bytes);
        if !joins {
            self.packets.push_back(start..start + bytes.len() as u64);
        }
    }
}

struct Shared {
    buffer: Lock<Held>,
    capacity: Lock<usize>,
    inode: u64,
    /// How many ends are open to read.
    readers: AtomicU32,
    /// How many ends are open to write.
    writers: AtomicU32,
    /// How often an end was opened to read, and to write: who opens a named pipe waits for the other side to have come, not to be still there.
    arrivals: [AtomicU64; 2],
    read_queue: WaitQueue,
    write_queue: WaitQueue,
    /// True if an end both reads and writes: that waits on the readers' queue for either.
    two_way: AtomicBool,
}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            two_way: AtomicBool::new(false),
            buffer: Lock::new(Held::default()),
            capacity: Lock::new(CAPACITY),
            inode: NEXT_INODE.fetch_add(1, Ordering::Relaxed),
            readers: AtomicU32::new(0),
            writers: AtomicU32::new(0),
            arrivals: [const { AtomicU64::new(0) }; 2],
            read_queue: WaitQueue::new(),
            write_queue: WaitQueue::new(),
        })
    }

    fn end(self: &Arc<Self>, reads: bool, writes: bool) -> Arc<PipeEnd> {
        let seen = match self.has_writers() {
            true => u64::MAX,
            false => self.arrivals[1].load(Ordering::Relaxed),
        };
        self.two_way.fetch_or(reads && writes, Ordering::Relaxed);
        if reads {
            self.readers.fetch_add(1, Ordering::Relaxed);
            self.arrivals[0].fetch_add(1, Ordering::Relaxed);
        }
        if writes {
            self.writers.fetch_add(1, Ordering::Relaxed);
            self.arrivals[1].fetch_add(1, Ordering::Relaxed);
        }
        Arc::new(PipeEnd {
            shared: self.clone(),
            reads,
            writes,
            packets: AtomicBool::new(false),
            seen,
        })
    }

    fn has_readers(&self) -> bool {
        self.readers.load(Ordering::Relaxed) != 0
    }

    fn has_writers(&self) -> bool {
        self.writers.load(Ordering::Relaxed) != 0
    }
}

/// One end of a pipe.
pub struct PipeEnd {
    shared: Arc<Shared>,
    reads: bool,
    writes: bool,
    /// Each write is a packet of its own (`O_DIRECT`).
    packets: AtomicBool,
    /// How many writers had come and gone when it was opened: it is hung up only when another one came and went.
    seen: u64,
}

impl core::fmt::Debug for PipeEnd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "pipe:[{}]", self.shared.inode)
    }
}

/// A new pipe: the end to read, the end to write.
#[must_use]
pub fn new() -> (Arc<PipeEnd>, Arc<PipeEnd>) {
    let shared = Shared::new();
    (shared.end(true, false), shared.end(false, true))
}

/// A named pipe (`fifo(7)`): the node's part, from which ends are opened.
#[derive(Clone)]
pub(crate) struct Fifo(Arc<Shared>);

impl Fifo {
    /// A pipe that nobody has opened.
    pub(crate) fn new() -> Self {
        Self(Shared::new())
    }

    /// Opens an end by the access mode and `O_NONBLOCK` among `flags`; without that it waits for the other side.
    ///
    /// # Errors
    ///
    /// `ENXIO` for a writer that does not wait when nobody reads, `ERESTARTSYS` when a signal came first.
    pub(crate) fn open(&self, flags: u32) -> Result<Arc<PipeEnd>> {
        let shared = &self.0;
        let mode = flags & raw::O_ACCMODE;
        let (reads, writes) = (mode != raw::O_WRONLY, mode != raw::O_RDONLY);
        let try_only = flags & raw::O_NONBLOCK != 0;
        if writes && !reads && try_only && !shared.has_readers() {
            return Err(Errno::ENXIO);
        }
        let end = shared.end(reads, writes);
        // Whoever waits in `open` for this side.
        shared.read_queue.wake_all();
        shared.write_queue.wake_all();
        if try_only || (reads && writes) {
            return Ok(end);
        }
        let (present, other, queue) = if reads {
            (shared.has_writers(), &shared.arrivals[1], &shared.read_queue)
        } else {
            (shared.has_readers(), &shared.arrivals[0], &shared.write_queue)
        };
        let before = other.load(Ordering::Relaxed);
        if !present {
            wait_until(&[queue], None, || {
                (other.load(Ordering::Relaxed) != before).then_some(())
            })
            .map_err(|interrupted| {
                end.release();
                interrupted.errno()
            })?;
        }
        Ok(end)
    }
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
    /// `EINVAL` above 2 GiB, `EPERM` above [`MAX_CAPACITY`], `EBUSY` below what the pipe holds.
    pub fn set_capacity(&self, bytes: usize) -> Result<usize> {
        if bytes > 1 << 31 {
            return Err(Errno::EINVAL);
        }
        if bytes > MAX_CAPACITY {
            return Err(Errno::EPERM);
        }
        let capacity = bytes.max(PAGE_SIZE).next_power_of_two();
        if self.shared.buffer.lock().bytes.len() > capacity {
            return Err(Errno::EBUSY);
        }
        *self.shared.capacity.lock() = capacity;
        self.shared.write_queue.wake_all();
        Ok(capacity)
    }

    /// Makes each write a packet of its own, or not (`O_DIRECT` in `pipe(2)` and `F_SETFL`).
    pub fn set_packets(&self, packets: bool) {
        self.packets.store(packets, Ordering::Relaxed);
    }

    /// The pipe, to open another end of it (`/proc/self/fd/N`, as if it had a name).
    pub(crate) fn pipe(&self) -> Fifo {
        Fifo(self.shared.clone())
    }

    /// True if this is the end to read (for a named pipe, perhaps also to write).
    #[must_use]
    pub const fn reads(&self) -> bool {
        self.reads
    }

    /// True if this is the end to write.
    #[must_use]
    pub const fn writes(&self) -> bool {
        self.writes
    }

    /// True if both are ends of one pipe.
    #[must_use]
    pub fn is_same_pipe(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Copies what would be read next without taking it (`tee(2)`, `splice(2)`); as [`read`](File::read).
    ///
    /// # Errors
    ///
    /// `EAGAIN` if there is nothing and somebody may still write.
    pub fn peek(&self, buffer: &mut [u8]) -> Result<usize> {
        let held = self.shared.buffer.lock();
        let count = held.one_read(buffer.len());
        let (first, second) = held.bytes.as_slices();
        let split = count.min(first.len());
        buffer[..split].copy_from_slice(&first[..split]);
        buffer[split..count].copy_from_slice(&second[..count - split]);
        if count == 0 && !buffer.is_empty() && self.shared.has_writers() {
            return Err(Errno::EAGAIN);
        }
        Ok(count)
    }

    /// Takes up to `count` bytes away that [`peek`](Self::peek) showed.
    pub fn consume(&self, count: usize) {
        let free_before = self.free();
        self.shared.buffer.lock().take(count);
        // A writer waits only where less than an atomic write is free.
        if free_before < ATOMIC {
            self.shared.write_queue.wake_all();
            if self.shared.two_way.load(Ordering::Relaxed) {
                self.shared.read_queue.wake_all();
            }
        }
    }

    /// How many bytes could be written now.
    ///
    /// # Errors
    ///
    /// `EAGAIN` if none could, `EPIPE` (with `SIGPIPE`) if nobody reads.
    pub fn room(&self) -> Result<usize> {
        if !self.shared.has_readers() {
            crate::signal::raise_sigpipe();
            return Err(Errno::EPIPE);
        }
        match self.free() {
            0 => Err(Errno::EAGAIN),
            free => Ok(free),
        }
    }

    /// Adds bytes that were taken from elsewhere when there was [`room`](Self::room) for them, even if it is gone by now.
    pub fn fill(&self, bytes: &[u8]) {
        self.shared.buffer.lock().bytes.extend(bytes);
        self.shared.read_queue.wake_all();
    }

    /// How many bytes could be written; packets take a page each, however small.
    fn free(&self) -> usize {
        let capacity = self.capacity();
        let held = self.shared.buffer.lock();
        if held.packets.len() >= capacity / PAGE_SIZE {
            return 0;
        }
        capacity.saturating_sub(held.bytes.len())
    }

    /// Writes packets of at most [`ATOMIC`] bytes, as far as there is room for whole ones.
    fn write_packets(&self, buffer: &[u8]) -> Result<usize> {
        let mut done = 0;
        for packet in buffer.chunks(ATOMIC) {
            if self.room()? < packet.len() {
                break;
            }
            self.shared.buffer.lock().add_packet(packet);
            done += packet.len();
            if self.free() == 0 {
                break;
            }
        }
        if done == 0 {
            return Err(Errno::EAGAIN);
        }
        self.shared.read_queue.wake_all();
        Ok(done)
    }
}

impl File for PipeEnd {
    fn read(&self, _: u64, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.peek(buffer)?;
        self.consume(count);
        Ok(count)
    }

    fn write(&self, _: u64, buffer: &[u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let free = self.room()?;
        if self.packets.load(Ordering::Relaxed) {
            return self.write_packets(buffer);
        }
        if buffer.len() <= ATOMIC && free < buffer.len() {
            return Err(Errno::EAGAIN);
        }
        let count = buffer.len().min(free);
        self.shared.buffer.lock().bytes.extend(&buffer[..count]);
        self.shared.read_queue.wake_all();
        Ok(count)
    }

    fn poll(&self) -> Poll {
        let mut ready = Poll::empty();
        if self.writes {
            ready.set(Poll::OUT, self.free() >= ATOMIC);
            ready.set(Poll::ERR, !self.shared.has_readers());
        }
        if self.reads {
            ready.set(Poll::IN, !self.shared.buffer.lock().bytes.is_empty());
            let came = self.shared.arrivals[1].load(Ordering::Relaxed) != self.seen;
            ready.set(Poll::HUP, came && !self.shared.has_writers());
        }
        ready
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(if self.reads {
            &self.shared.read_queue
        } else {
            &self.shared.write_queue
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
                let held = self.shared.buffer.lock().bytes.len();
                UserPtr::<i32>::new(argument).write(i32::try_from(held).unwrap_or(i32::MAX))?;
                Ok(0)
            }
            _ => Err(Errno::ENOTTY),
        }
    }

    fn release(&self) {
        if self.writes && self.shared.writers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.shared.read_queue.wake_all();
        }
        if self.reads && self.shared.readers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.shared.write_queue.wake_all();
        }
        // What nobody took is gone with the last end of a named pipe.
        if !self.shared.has_readers() && !self.shared.has_writers() {
            *self.shared.buffer.lock() = Held::default();
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
    fn a_read_takes_one_packet_and_what_is_left_of_it_is_lost() {
        let (reader, writer) = new();
        let mut buffer = [0; 8];
        assert_eq!(writer.write(0, b"stream"), Ok(6));
        writer.set_packets(true);
        // Behind bytes that are in no packet, what comes joins them.
        assert_eq!(writer.write(0, b"one"), Ok(3));
        assert_eq!(
            (reader.read(0, &mut buffer), reader.read(0, &mut buffer)),
            (Ok(8), Ok(1))
        );
        assert_eq!(
            (writer.write(0, b"one"), writer.write(0, b"four")),
            (Ok(3), Ok(4))
        );
        assert_eq!((reader.read(0, &mut buffer), &buffer[..3]), (Ok(3), &b"one"[..]));
        assert_eq!(
            (reader.read(0, &mut buffer[..2]), &buffer[..2]),
            (Ok(2), &b"fo"[..])
        );
        assert_eq!(reader.read(0, &mut buffer), Err(Errno::EAGAIN));
        for _ in 0..CAPACITY / PAGE_SIZE {
            assert_eq!(writer.write(0, b"x"), Ok(1));
        }
        assert_eq!(writer.write(0, b"x"), Err(Errno::EAGAIN));
        assert_eq!(
            (reader.read(0, &mut buffer), writer.write(0, b"x")),
            (Ok(1), Ok(1))
        );
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
        assert_eq!(writer.set_capacity(1 << 32), Err(Errno::EINVAL));
        assert_eq!(writer.set_capacity(65536), Ok(65536));
    }
}
