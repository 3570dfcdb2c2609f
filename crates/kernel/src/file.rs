//! What stands behind a file descriptor: the [`File`] trait, the open file description and the descriptor table.
//!
//! A `File` never blocks: where it would, it answers `EAGAIN`. Blocking is done here, once for all, by [`OpenFile::read`] and
//! [`OpenFile::write`], which wait on the file's queue unless `O_NONBLOCK` is set.

pub mod async_io;

use crate::{
    errno::{Errno, Result},
    mm::vma::Pages,
    sync::Lock,
    time::Instant,
    user::UserSlice,
    wait::{Turn, TurnGuard, WaitQueue, Wake, wait_until},
};
use alloc::{string::String, sync::Arc, vec::Vec};
use async_io::{AsyncIo, Teller};
use core::{
    any::Any,
    sync::atomic::{AtomicU32, Ordering},
};
use linux_raw_sys::general as raw;

bitflags::bitflags! {
    /// Readiness, with the bits of `epoll_ctl(2)` (the low ones equal those of `poll(2)`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub struct Poll: u32 {
        /// Readable, or a connection to accept.
        const IN = raw::EPOLLIN;
        /// Urgent data.
        const PRI = raw::EPOLLPRI;
        /// Writable.
        const OUT = raw::EPOLLOUT;
        /// An error is to be fetched; always reported.
        const ERR = raw::EPOLLERR;
        /// Hung up; always reported.
        const HUP = raw::EPOLLHUP;
        /// The peer will write no more.
        const RDHUP = raw::EPOLLRDHUP;
    }
}

/// Device and inode numbers, type, size and times of a file: the kernel-side form of `stat(2)`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stat {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
    /// Type and permission bits (`S_IFMT`, `inode(7)`).
    pub mode: u32,
    /// Link count.
    pub nlink: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device number that a device node stands for.
    pub rdev: u64,
    /// Size in bytes.
    pub size: u64,
    /// Blocks of 512 bytes.
    pub blocks: u64,
    /// Access time, ns since the epoch.
    pub atime: u64,
    /// Modification time, ns since the epoch.
    pub mtime: u64,
    /// Status change time, ns since the epoch.
    pub ctime: u64,
    /// Time of its making, ns since the epoch, where it is known.
    pub btime: Option<u64>,
}

/// Something that can be read, written, polled. Methods never block and answer `EAGAIN` where a blocking read or write would wait.
pub trait File: Any + Send + Sync {
    /// Reads at `offset` (ignored by streams); 0 is the end.
    ///
    /// # Errors
    ///
    /// As `read(2)`.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let _ = (offset, buffer);
        Err(Errno::EINVAL)
    }

    /// Writes at `offset` (ignored by streams).
    ///
    /// # Errors
    ///
    /// As `write(2)`.
    fn write(&self, offset: u64, buffer: &[u8]) -> Result<usize> {
        let _ = (offset, buffer);
        Err(Errno::EINVAL)
    }

    /// How long a blocking read ([`Poll::IN`]) or write ([`Poll::OUT`]) may wait (`SO_RCVTIMEO`, `SO_SNDTIMEO`); `None` is for ever.
    fn wait_limit(&self, events: Poll) -> Option<core::time::Duration> {
        let _ = events;
        None
    }

    /// True for files with a position (`lseek(2)`), false for streams.
    fn seekable(&self) -> bool {
        false
    }

    /// True for what takes any `lseek(2)` and stays at 0: devices, and descriptors of events.
    fn ignores_seeks(&self) -> bool {
        false
    }

    /// What could be done now without blocking. Ordinary files are always ready.
    fn poll(&self) -> Poll {
        Poll::IN | Poll::OUT
    }

    /// The queue that is woken whenever the answer of [`poll`](Self::poll) may have changed; `None` if it never changes.
    fn queue(&self) -> Option<&WaitQueue> {
        None
    }

    /// Whose turn it is to append (`O_APPEND` in `open(2)`: the look for the end and the write are one step); `None` where writes have no place.
    fn appends(&self) -> Option<&Turn> {
        None
    }

    /// Attributes.
    ///
    /// # Errors
    ///
    /// As `fstat(2)`.
    fn stat(&self) -> Result<Stat>;

    /// What `/proc/self/fd` calls a file without a name: `anon_inode:` and this (`proc_pid_fd(5)`).
    fn label(&self) -> &'static str {
        "[file]"
    }

    /// What `/proc/self/fdinfo` says besides position and flags, in whole lines (`proc_pid_fdinfo(5)`).
    fn details(&self) -> String {
        String::new()
    }

    /// Device-specific control, `ioctl(2)`; `argument` is a program's address or a number. `FIONBIO` and `FIOCLEX` are handled before.
    ///
    /// # Errors
    ///
    /// `ENOTTY` where the file does not know the request.
    fn ioctl(&self, request: u32, argument: u64) -> Result<usize> {
        let _ = (request, argument);
        Err(Errno::ENOTTY)
    }

    /// Called each time that a descriptor of the file is closed, before it is.
    fn descriptor_closed(&self) {}

    /// What `/proc/self/maps` calls a mapping of it; `None` for what has no name.
    fn path(&self) -> Option<String> {
        None
    }

    /// The pages of a file that can be mapped (`mmap(2)`).
    fn pages(&self) -> Option<&dyn Pages> {
        None
    }

    /// True if a mapping of it is one of zeros (`/dev/zero`).
    fn maps_zeros(&self) -> bool {
        false
    }

    /// Called once, when the last descriptor of the description is closed.
    fn release(&self) {}

    /// For downcasts to the concrete kind (socket, epoll, directory, ...).
    fn as_any(&self) -> &dyn Any;
}

/// An open file description (`open(2)`): shared by duplicated descriptors.
pub struct OpenFile {
    /// The file.
    pub file: Arc<dyn File>,
    flags: AtomicU32,
    offset: Lock<u64>,
    /// Taken from the look at `offset` to its change: a file may come from disk in between, and others run.
    turn: Turn,
    async_io: Lock<AsyncIo>,
}

/// Keeps others from a file's position, and from its end where it matters.
#[must_use]
#[derive(Debug)]
pub struct Positioned<'a> {
    _turn: Option<TurnGuard<'a>>,
    _appends: Option<TurnGuard<'a>>,
}

impl core::fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "OpenFile({:#o})", self.flags())
    }
}

impl OpenFile {
    /// Opens a file; `flags` are access mode and status flags of `open(2)`.
    pub fn new(file: Arc<dyn File>, flags: u32) -> Arc<Self> {
        Arc::new(Self {
            file,
            flags: AtomicU32::new(flags & !raw::O_CLOEXEC),
            offset: Lock::new(0),
            turn: Turn::new(),
            async_io: Lock::new(AsyncIo::default()),
        })
    }

    /// Access mode and status flags, as `F_GETFL` gives them.
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Relaxed)
    }

    /// Sets or clears status flags that may change (`F_SETFL`: `O_APPEND`, `O_NONBLOCK`, ...).
    pub fn set_status_flags(&self, flags: u32) {
        let changeable = raw::O_APPEND | raw::O_NONBLOCK | raw::O_DIRECT | raw::O_NOATIME;
        self.flags
            .store(self.flags() & !changeable | flags & changeable, Ordering::Relaxed);
    }

    /// Who is told by a signal, and of what descriptor (`F_SETOWN` in `fcntl(2)`).
    pub fn async_io(&self) -> &Lock<AsyncIo> {
        &self.async_io
    }

    /// Sets or clears `O_ASYNC`, where the file has something to tell; `fd` is the descriptor that signals name.
    pub fn tell_by_signal(self: &Arc<Self>, on: bool, fd: i32) {
        let Some(queue) = self.file.queue() else { return };
        let teller = on.then(|| Teller::new(self, fd));
        if let Some(teller) = &teller {
            let wake: Arc<dyn Wake> = teller.clone();
            queue.add(&wake);
        }
        let flag = if on { raw::FASYNC } else { 0 };
        self.flags
            .store(self.flags() & !raw::FASYNC | flag, Ordering::Relaxed);
        // The queue forgets the old one when it is dropped.
        let old = core::mem::replace(&mut self.async_io.lock().teller, teller);
        drop(old);
    }

    /// True if `O_NONBLOCK` is set.
    pub fn nonblocking(&self) -> bool {
        self.flags() & raw::O_NONBLOCK != 0
    }

    /// True if the access mode lets it be read.
    pub fn readable(&self) -> bool {
        matches!(self.flags() & raw::O_ACCMODE, raw::O_RDONLY | raw::O_RDWR)
    }

    /// True if the access mode lets it be written.
    pub fn writable(&self) -> bool {
        matches!(self.flags() & raw::O_ACCMODE, raw::O_WRONLY | raw::O_RDWR)
    }

    /// The position, for `lseek(2)` and directory reading.
    pub fn offset(&self) -> &Lock<u64> {
        &self.offset
    }

    /// Keeps others from the position until the answer is dropped ("Updating the file offset is atomic": `read(2)`, `write(2)`, BUGS). Streams have none.
    pub fn at_position(&self) -> Positioned<'_> {
        Positioned {
            _turn: self.file.seekable().then(|| self.turn.take()),
            _appends: None,
        }
    }

    /// Where a write begins: at the position, or the end with `O_APPEND`; others are kept from both.
    ///
    /// # Errors
    ///
    /// As `fstat(2)`.
    pub fn at_write(&self) -> Result<(u64, Positioned<'_>)> {
        let mut place = self.at_position();
        if self.file.seekable() && self.flags() & raw::O_APPEND != 0 {
            place._appends = self.file.appends().map(Turn::take);
            return Ok((self.file.stat()?.size, place));
        }
        Ok((*self.offset.lock(), place))
    }

    /// `read(2)`: at the position, blocking if need be.
    ///
    /// # Errors
    ///
    /// As `read(2)`; `ERESTARTSYS` when a signal came first.
    pub fn read(&self, buffer: UserSlice) -> Result<usize> {
        if !self.readable() {
            return Err(Errno::EBADF);
        }
        let _place = self.at_position();
        let position = *self.offset.lock();
        let count = self.blocking(Poll::IN, None, || self.file.read(position, buffer.bytes_mut()?))?;
        if self.file.seekable() {
            *self.offset.lock() = position + count as u64;
        }
        Ok(count)
    }

    /// `write(2)`: at the position (or the end, with `O_APPEND`), blocking if need be.
    ///
    /// # Errors
    ///
    /// As `write(2)`; `ERESTARTSYS` when a signal came first.
    pub fn write(&self, buffer: UserSlice) -> Result<usize> {
        if !self.writable() {
            return Err(Errno::EBADF);
        }
        let seekable = self.file.seekable();
        let (position, _place) = self.at_write()?;
        let mut done = 0;
        // A blocking write to a stream goes on until all is written (`pipe(7)`, `tcp(7)`).
        loop {
            let step = self.blocking(Poll::OUT, None, || {
                self.file.write(position, &buffer.bytes()?[done..])
            });
            match step {
                Ok(count) => done += count,
                Err(_) if done > 0 => return Ok(done),
                Err(errno) => return Err(errno),
            }
            if done >= buffer.len() || seekable || self.nonblocking() {
                break;
            }
        }
        if seekable {
            *self.offset.lock() = position + done as u64;
        }
        Ok(done)
    }

    /// Runs `operation` until it answers something else than `EAGAIN`, waiting on the file's queue in between; `O_NONBLOCK` lets `EAGAIN` through.
    ///
    /// # Errors
    ///
    /// Those of `operation`; `EAGAIN` after `deadline`; `ERESTARTSYS` when a signal came first.
    pub fn blocking<T>(
        &self,
        events: Poll,
        deadline: Option<Instant>,
        mut operation: impl FnMut() -> Result<T>,
    ) -> Result<T> {
        match operation() {
            Err(Errno::EAGAIN) if !self.nonblocking() => {}
            other => return other,
        }
        let limit = self.file.wait_limit(events);
        let deadline = deadline.or_else(|| Some(crate::time::now() + limit?));
        let Some(queue) = self.file.queue() else {
            return Err(Errno::EAGAIN);
        };
        wait_until(&[queue], deadline, || match operation() {
            Err(Errno::EAGAIN) => None,
            other => Some(other),
        })
        .unwrap_or_else(|interrupted| Err(interrupted.errno_if(limit.is_some())))
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.file.release();
    }
}

/// One row of the descriptor table.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// The open file description.
    pub open: Arc<OpenFile>,
    /// `FD_CLOEXEC`; kept because programs ask for it back.
    pub cloexec: bool,
}

/// The descriptor table of the process.
#[derive(Debug, Default)]
pub struct FdTable {
    slots: Vec<Option<Descriptor>>,
}

/// The most descriptors a process may have (`RLIMIT_NOFILE`).
pub const MAX_FDS: usize = 1 << 20;

impl FdTable {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// Looks a descriptor up.
    ///
    /// # Errors
    ///
    /// `EBADF` if it is not open.
    pub fn get(&self, fd: i32) -> Result<&Descriptor> {
        usize::try_from(fd)
            .ok()
            .and_then(|fd| self.slots.get(fd)?.as_ref())
            .ok_or(Errno::EBADF)
    }

    /// As [`get`](Self::get), to change `cloexec`.
    ///
    /// # Errors
    ///
    /// `EBADF` if it is not open.
    pub fn get_mut(&mut self, fd: i32) -> Result<&mut Descriptor> {
        usize::try_from(fd)
            .ok()
            .and_then(|fd| self.slots.get_mut(fd)?.as_mut())
            .ok_or(Errno::EBADF)
    }

    /// Puts a description at the lowest free descriptor that is at least `from`.
    ///
    /// # Errors
    ///
    /// `EMFILE` when `limit` (the soft `RLIMIT_NOFILE`) is reached.
    pub fn insert(&mut self, open: Arc<OpenFile>, cloexec: bool, from: usize, limit: usize) -> Result<i32> {
        let fd = (from..self.slots.len())
            .find(|&fd| self.slots[fd].is_none())
            .unwrap_or(self.slots.len().max(from));
        if fd >= limit.min(MAX_FDS) {
            return Err(Errno::EMFILE);
        }
        if fd >= self.slots.len() {
            self.slots.resize(fd + 1, None);
        }
        self.slots[fd] = Some(Descriptor { open, cloexec });
        Ok(fd as i32)
    }

    /// Puts a description at just that descriptor, and gives back what was there (`dup2(2)`); drop it after unlocking the table.
    ///
    /// # Errors
    ///
    /// `EBADF` when it is out of range.
    pub fn replace(&mut self, fd: i32, descriptor: Descriptor) -> Result<Option<Descriptor>> {
        let fd = usize::try_from(fd)
            .ok()
            .filter(|&fd| fd < MAX_FDS)
            .ok_or(Errno::EBADF)?;
        if fd >= self.slots.len() {
            self.slots.resize(fd + 1, None);
        }
        Ok(self.slots[fd].replace(descriptor))
    }

    /// Takes a descriptor out; drop it after unlocking the table.
    ///
    /// # Errors
    ///
    /// `EBADF` if it is not open.
    pub fn remove(&mut self, fd: i32) -> Result<Descriptor> {
        usize::try_from(fd)
            .ok()
            .and_then(|fd| self.slots.get_mut(fd)?.take())
            .ok_or(Errno::EBADF)
    }

    /// All open descriptors in order.
    pub fn iter(&self) -> impl Iterator<Item = (i32, &Descriptor)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(fd, slot)| Some((fd as i32, slot.as_ref()?)))
    }
}
