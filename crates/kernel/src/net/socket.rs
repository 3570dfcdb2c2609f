//! A socket as a file: what all kinds share (blocking, time-outs, generic options), above the [`Endpoint`] that does the work.

use super::{address::Address, control::Ancillary, options, options::Value};
use crate::{
    errno::{Errno, Result},
    file::{File, OpenFile, Poll, Stat},
    time::{self, Instant},
    user::{UserPtr, UserSlice},
    wait::{WaitQueue, wait_until},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{
    any::Any,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use linux_raw_sys::{general, ioctl, net as raw};

/// `SIOCOUTQ`, which is `TIOCOUTQ` (`tcp(7)`).
const SIOCOUTQ: u32 = ioctl::TIOCOUTQ;

/// What `recv` found.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Bytes that were copied.
    pub copied: usize,
    /// Bytes that the message had, more than were copied if it was cut (`MSG_TRUNC`); equal to `copied` for streams.
    pub len: usize,
    /// Who sent it, where that is known per message.
    pub from: Option<Address>,
    /// What came with it (`cmsg(3)`).
    pub control: Vec<Ancillary>,
}

impl Message {
    /// Bytes of a stream.
    #[must_use]
    pub fn bytes(count: usize) -> Self {
        Self {
            copied: count,
            len: count,
            ..Self::default()
        }
    }
}

/// What a program says with the bytes that it sends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    /// The target, if it is given with the message.
    pub to: Option<&'a Address>,
    /// `MSG_MORE`.
    pub more: bool,
    /// Control messages, checked as far as they are of level `SOL_SOCKET`.
    pub control: &'a [Ancillary],
}

/// How `connect` went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Connected.
    Done,
    /// Under way; [`Endpoint::connected`] tells.
    Started,
}

/// What a particular kind of socket does. No method blocks: `EAGAIN` says that it would.
///
/// Errors are those of the man page that each method names.
#[expect(
    missing_docs,
    reason = "each method is the system call of its name; only what differs is said"
)]
pub trait Endpoint: Send + Sync {
    /// Address family, `SOCK_*` type and protocol number.
    fn identity(&self) -> (u32, u32, u32);
    fn bind(&self, address: &Address) -> Result<()>;
    fn listen(&self, _backlog: usize) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }
    fn accept(&self) -> Result<(Box<dyn Endpoint>, Address)> {
        Err(Errno::EOPNOTSUPP)
    }
    /// Begins to connect.
    fn connect(&self, address: &Address) -> Result<Progress>;
    /// After [`Progress::Started`]: `EAGAIN` as long as it is not decided.
    fn connected(&self) -> Result<()> {
        Ok(())
    }
    /// `EPIPE` asks the caller to raise `SIGPIPE` where the socket [is a stream](Self::is_stream).
    fn send(&self, parts: &[&[u8]], with: &Outgoing<'_>) -> Result<usize>;
    fn recv(&self, parts: &mut [&mut [u8]], peek: bool) -> Result<Message>;
    /// Throws away up to `len` received bytes (`MSG_TRUNC` on a TCP socket).
    fn discard(&self, _len: usize) -> Result<usize> {
        Err(Errno::EOPNOTSUPP)
    }
    fn shutdown(&self, read: bool, write: bool) -> Result<()>;
    /// `getsockname(2)`.
    fn name(&self) -> Address;
    /// `getpeername(2)`.
    fn peer(&self) -> Result<Address>;
    fn get_option(&self, level: u32, name: u32) -> Result<Value>;
    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result<()>;
    fn poll(&self) -> Poll;
    /// Woken whenever the answer of [`poll`](Self::poll) may have changed, and when more data came.
    fn queue(&self) -> &WaitQueue;
    /// Bytes that can be read (`FIONREAD`) and that were not taken by the other side yet (`SIOCOUTQ`).
    fn queued(&self) -> Result<(usize, usize)>;
    /// The last descriptor was closed.
    fn close(&self);
    /// For a downcast to the concrete kind, where one kind has to know its own.
    fn as_any(&self) -> Option<&dyn Any> {
        None
    }
    /// True where writing goes on until all is written, and where a broken pipe raises `SIGPIPE`.
    fn is_stream(&self) -> bool {
        self.identity().1 == raw::SOCK_STREAM
    }
}

/// A time-out option in nanoseconds; 0 is none.
#[derive(Debug, Default)]
pub struct Timeout(AtomicU64);

impl Timeout {
    /// The limit, if one is set.
    pub fn get(&self) -> Option<Duration> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.get().map(|limit| time::now() + limit)
    }

    /// From a `struct timeval` (`socket(7)`).
    fn set(&self, value: &[u8]) -> Result<()> {
        let (seconds, rest) = value.split_first_chunk::<8>().ok_or(Errno::EINVAL)?;
        let micros = i64::from_ne_bytes(*rest.first_chunk().ok_or(Errno::EINVAL)?);
        if !(0..1_000_000).contains(&micros) {
            return Err(Errno::EDOM);
        }
        // A negative time is no waiting at all, as Linux has it.
        let nanos = match u64::try_from(i64::from_ne_bytes(*seconds)) {
            Ok(seconds) => seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(micros as u64 * 1000),
            Err(_) => 1,
        };
        self.0.store(nanos, Ordering::Relaxed);
        Ok(())
    }

    fn value(&self) -> Value {
        let micros = self.0.load(Ordering::Relaxed) / 1000;
        let mut bytes = (micros / 1_000_000).to_ne_bytes().to_vec();
        bytes.extend_from_slice(&(micros % 1_000_000).to_ne_bytes());
        Value::Bytes(bytes)
    }
}

/// A socket.
pub struct Socket {
    endpoint: Box<dyn Endpoint>,
    /// `SO_RCVTIMEO`.
    receive_timeout: Timeout,
    /// `SO_SNDTIMEO`.
    send_timeout: Timeout,
    number: u64,
}

/// What `/proc/net/unix` tells of a socket.
#[derive(Debug)]
pub(super) struct UnixRow {
    /// Inode number.
    pub(super) number: u64,
    /// `SOCK_*`.
    pub(super) kind: u32,
    /// It has a backlog.
    pub(super) listens: bool,
    /// It has a peer.
    pub(super) connected: bool,
    /// Path, or abstract name behind a NUL; empty without one.
    pub(super) name: Vec<u8>,
}

impl Socket {
    /// What `/proc/net/unix` tells of it; `None` for other families.
    pub(super) fn unix_row(&self) -> Option<UnixRow> {
        let (raw::AF_UNIX, kind, _) = self.endpoint.identity() else {
            return None;
        };
        let Address::Unix(name) = self.endpoint.name() else {
            return None;
        };
        let listens = self.endpoint.get_option(raw::SOL_SOCKET, raw::SO_ACCEPTCONN);
        Some(UnixRow {
            number: self.number,
            kind,
            listens: matches!(listens, Ok(Value::Int(1))),
            connected: self.endpoint.peer().is_ok(),
            name,
        })
    }
}

impl core::fmt::Debug for Socket {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Socket({:?})", self.endpoint.identity())
    }
}

impl Socket {
    /// Makes a file of an endpoint.
    pub fn new(endpoint: Box<dyn Endpoint>) -> Arc<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        Arc::new(Self {
            endpoint,
            receive_timeout: Timeout::default(),
            send_timeout: Timeout::default(),
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
        })
    }

    /// What does the work.
    pub fn endpoint(&self) -> &dyn Endpoint {
        &*self.endpoint
    }

    /// `accept(2)`, blocking if need be.
    ///
    /// # Errors
    ///
    /// As `accept(2)`; `ERESTARTSYS` when a signal came first.
    pub fn accept(&self, open: &OpenFile) -> Result<(Arc<Self>, Address)> {
        let (endpoint, address) = open.blocking(Poll::IN, None, || self.endpoint.accept())?;
        Ok((Self::new(endpoint), address))
    }

    /// `connect(2)`, blocking if need be.
    ///
    /// # Errors
    ///
    /// As `connect(2)`; `ERESTARTSYS` when a signal came first.
    pub fn connect(&self, open: &OpenFile, address: &Address) -> Result<()> {
        match self.endpoint.connect(address) {
            Ok(Progress::Done) => return Ok(()),
            Ok(Progress::Started) if open.nonblocking() => return Err(Errno::EINPROGRESS),
            Ok(Progress::Started) => {}
            // A blocking call, interrupted before, that the program makes again.
            Err(Errno::EALREADY) if !open.nonblocking() => {}
            // A Unix listener's backlog is full; its end wakes us (`unix(7)`).
            Err(Errno::EAGAIN) if !open.nonblocking() => {
                return self
                    .blocking(true, Poll::OUT, || self.endpoint.connect(address))
                    .map(|_| ());
            }
            Err(errno) => return Err(errno),
        }
        let decided = || match self.endpoint.connected() {
            Err(Errno::EAGAIN) => None,
            other => Some(other),
        };
        match wait_until(&[self.endpoint.queue()], self.send_timeout.deadline(), decided) {
            Ok(result) => result,
            // `socket(7)`: as if the socket were non-blocking.
            Err(crate::wait::Interrupted::TimedOut) => Err(Errno::EINPROGRESS),
            Err(interrupted) => Err(interrupted.errno()),
        }
    }

    /// `sendmsg(2)`, blocking if need be: a stream until all is written.
    ///
    /// # Errors
    ///
    /// As `sendmsg(2)`; `ERESTARTSYS` when a signal came first.
    pub fn send(
        &self,
        open: &OpenFile,
        parts: &[UserSlice],
        to: Option<&Address>,
        control: &[Ancillary],
        flags: u32,
    ) -> Result<usize> {
        if flags & raw::MSG_OOB != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let total: usize = parts.iter().map(UserSlice::len).sum();
        let (wait, more) = (
            flags & raw::MSG_DONTWAIT == 0 && !open.nonblocking(),
            flags & raw::MSG_MORE != 0,
        );
        let mut done = 0;
        let result = loop {
            // Descriptors go with the first bytes.
            let control = if done == 0 { control } else { &[] };
            let with = Outgoing { to, more, control };
            let step = self.blocking(wait, Poll::OUT, || {
                with_bytes(parts, done, |parts| self.endpoint.send(parts, &with))
            });
            match step {
                Ok(count) => done += count,
                Err(_) if done > 0 => break Ok(done),
                Err(errno) => break Err(errno),
            }
            if done >= total || !wait || !self.endpoint.is_stream() {
                break Ok(done);
            }
        };
        if result == Err(Errno::EPIPE) && flags & raw::MSG_NOSIGNAL == 0 && self.endpoint.is_stream() {
            crate::signal::raise_sigpipe();
        }
        result
    }

    /// `recvmsg(2)`, blocking if need be.
    ///
    /// # Errors
    ///
    /// As `recvmsg(2)`; `ERESTARTSYS` when a signal came first.
    pub fn receive(&self, open: &OpenFile, parts: &[UserSlice], flags: u32) -> Result<Message> {
        if flags & raw::MSG_OOB != 0 {
            return Err(Errno::EINVAL);
        }
        if flags & raw::MSG_ERRQUEUE != 0 {
            return Err(Errno::EAGAIN);
        }
        let wait = flags & raw::MSG_DONTWAIT == 0 && !open.nonblocking();
        let (peek, stream) = (flags & raw::MSG_PEEK != 0, self.endpoint.is_stream());
        let total: usize = parts.iter().map(UserSlice::len).sum();
        if stream && flags & raw::MSG_TRUNC != 0 && !peek && self.endpoint.identity().0 == raw::AF_INET {
            let copied = self.blocking(wait, Poll::IN, || self.endpoint.discard(total))?;
            return Ok(Message::bytes(copied));
        }
        // read(2) of nothing gives nothing at once, but recv(2) of nothing waits for something, which is how one probes a stream.
        if total == 0 && stream && flags & raw::MSG_DONTWAIT != 0 && !self.poll().contains(Poll::IN) {
            return Err(Errno::EAGAIN);
        }
        let whole = stream && flags & raw::MSG_WAITALL != 0 && !peek;
        let mut message = Message::default();
        loop {
            let step = self.blocking(wait, Poll::IN, || {
                with_bytes_mut(parts, message.copied, |parts| self.endpoint.recv(parts, peek))
            });
            match step {
                Ok(step) => {
                    let end = step.copied == 0;
                    message.copied += step.copied;
                    message.len += step.len;
                    message.from = step.from;
                    let marked = !step.control.is_empty();
                    message.control = step.control;
                    // Control messages belong to the bytes that they came with.
                    if !whole || end || marked || message.copied >= total {
                        return Ok(message);
                    }
                }
                Err(_) if message.copied > 0 => return Ok(message),
                Err(errno) => return Err(errno),
            }
        }
    }

    fn blocking<T>(&self, wait: bool, events: Poll, mut operation: impl FnMut() -> Result<T>) -> Result<T> {
        match operation() {
            Err(Errno::EAGAIN) if wait => {}
            other => return other,
        }
        let limit = if events.contains(Poll::IN) {
            &self.receive_timeout
        } else {
            &self.send_timeout
        };
        wait_until(&[self.endpoint.queue()], limit.deadline(), || match operation() {
            Err(Errno::EAGAIN) => None,
            other => Some(other),
        })
        .unwrap_or_else(|interrupted| Err(interrupted.errno_if(limit.deadline().is_some())))
    }

    /// `getsockopt(2)`.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT`.
    pub fn get_option(&self, level: u32, name: u32) -> Result<Value> {
        let (family, kind, protocol) = self.endpoint.identity();
        match (level, name) {
            (raw::SOL_SOCKET, raw::SO_TYPE) => Ok(Value::Int(kind as i32)),
            (raw::SOL_SOCKET, raw::SO_DOMAIN) => Ok(Value::Int(family as i32)),
            (raw::SOL_SOCKET, raw::SO_PROTOCOL) => Ok(Value::Int(protocol as i32)),
            (raw::SOL_SOCKET, raw::SO_RCVTIMEO_OLD | raw::SO_RCVTIMEO_NEW) => {
                Ok(self.receive_timeout.value())
            }
            (raw::SOL_SOCKET, raw::SO_SNDTIMEO_OLD | raw::SO_SNDTIMEO_NEW) => Ok(self.send_timeout.value()),
            (raw::SOL_SOCKET, raw::SO_COOKIE) => Ok(Value::Bytes(self.number.to_ne_bytes().to_vec())),
            (raw::SOL_SOCKET, raw::SO_RCVLOWAT | raw::SO_SNDLOWAT) => Ok(Value::Int(1)),
            (
                raw::SOL_SOCKET,
                raw::SO_DEBUG
                | raw::SO_DONTROUTE
                | raw::SO_OOBINLINE
                | raw::SO_PRIORITY
                | raw::SO_TIMESTAMP_OLD
                | raw::SO_MARK
                | raw::SO_BUSY_POLL
                | raw::SO_INCOMING_CPU
                | raw::SO_INCOMING_NAPI_ID,
            ) => Ok(Value::Int(0)),
            _ => self.endpoint.get_option(level, name),
        }
    }

    /// `setsockopt(2)`.
    ///
    /// # Errors
    ///
    /// `ENOPROTOOPT`, `EINVAL`.
    pub fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result<()> {
        match (level, name) {
            (raw::SOL_SOCKET, raw::SO_RCVTIMEO_OLD | raw::SO_RCVTIMEO_NEW) => self.receive_timeout.set(value),
            (raw::SOL_SOCKET, raw::SO_SNDTIMEO_OLD | raw::SO_SNDTIMEO_NEW) => self.send_timeout.set(value),
            (
                raw::SOL_SOCKET,
                raw::SO_TYPE
                | raw::SO_DOMAIN
                | raw::SO_PROTOCOL
                | raw::SO_ERROR
                | raw::SO_ACCEPTCONN
                | raw::SO_SNDLOWAT,
            ) => Err(Errno::ENOPROTOOPT),
            // Without effect here: there is one route, one CPU and no urgent data.
            (
                raw::SOL_SOCKET,
                raw::SO_DEBUG
                | raw::SO_DONTROUTE
                | raw::SO_OOBINLINE
                | raw::SO_PRIORITY
                | raw::SO_RCVLOWAT
                | raw::SO_BUSY_POLL
                | raw::SO_INCOMING_CPU
                | raw::SO_MARK,
            ) => options::int(value).map(|_| ()),
            _ => self.endpoint.set_option(level, name, value),
        }
    }
}

/// Runs `f` on the bytes from `skip` on; one buffer, the usual case, needs no list on the heap.
fn with_bytes<R>(parts: &[UserSlice], skip: usize, f: impl FnOnce(&[&[u8]]) -> Result<R>) -> Result<R> {
    if let [only] = parts {
        return f(&[only.skip(skip).bytes()?]);
    }
    let mut skip = skip;
    let mut bytes = Vec::with_capacity(parts.len());
    for part in parts {
        bytes.push(part.skip(skip).bytes()?);
        skip = skip.saturating_sub(part.len());
    }
    f(&bytes)
}

/// As [`with_bytes`], to write. Buffers that overlap are the program's own fault, but must not be ours: they are refused.
fn with_bytes_mut<R>(
    parts: &[UserSlice],
    skip: usize,
    f: impl FnOnce(&mut [&mut [u8]]) -> Result<R>,
) -> Result<R> {
    if let [only] = parts {
        return f(&mut [only.skip(skip).bytes_mut()?]);
    }
    let overlap = |a: &UserSlice, b: &UserSlice| {
        a.address() < b.address().saturating_add(b.len() as u64)
            && b.address() < a.address().saturating_add(a.len() as u64)
    };
    let overlapping = parts
        .iter()
        .enumerate()
        .any(|(index, part)| parts[..index].iter().any(|other| overlap(part, other)));
    if overlapping {
        return Err(Errno::EFAULT);
    }
    let mut skip = skip;
    let mut bytes = Vec::with_capacity(parts.len());
    for part in parts {
        bytes.push(part.skip(skip).bytes_mut()?);
        skip = skip.saturating_sub(part.len());
    }
    f(&mut bytes)
}

impl File for Socket {
    fn read(&self, _offset: u64, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.endpoint
            .recv(&mut [buffer], false)
            .map(|message| message.copied)
    }

    fn write(&self, _offset: u64, buffer: &[u8]) -> Result<usize> {
        let result = self.endpoint.send(&[buffer], &Outgoing::default());
        if result == Err(Errno::EPIPE) && self.endpoint.is_stream() {
            crate::signal::raise_sigpipe();
        }
        result
    }

    fn wait_limit(&self, events: Poll) -> Option<Duration> {
        if events.contains(Poll::IN) {
            self.receive_timeout.get()
        } else {
            self.send_timeout.get()
        }
    }

    fn poll(&self) -> Poll {
        self.endpoint.poll()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(self.endpoint.queue())
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            dev: 8,
            ino: self.number,
            mode: general::S_IFSOCK | 0o777,
            nlink: 1,
            ..Stat::default()
        })
    }

    fn ioctl(&self, request: u32, argument: u64) -> Result<usize> {
        match request {
            ioctl::FIONREAD => UserPtr::new(argument).write(self.endpoint.queued()?.0 as i32)?,
            SIOCOUTQ => UserPtr::new(argument).write(self.endpoint.queued()?.1 as i32)?,
            _ => return super::interface::ioctl(request, argument),
        }
        Ok(0)
    }

    fn release(&self) {
        self.endpoint.close();
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
