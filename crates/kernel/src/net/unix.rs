//! Unix-domain sockets (`unix(7)`): streams, datagrams and sequenced packets between ends of this one process.
//!
//! Each end holds what came for it and a weak reference to its peer. A path is a node in the file system that leads to the end; abstract names live in
//! a table of their own. No two ends are locked at once.

use super::{
    address::Address,
    options::{self, Value},
    ports::EPHEMERAL,
    socket::{Endpoint, Message, Progress},
};
use crate::{
    errno::{Errno, Result},
    file::Poll,
    fs,
    process::PID,
    sync::Lock,
    wait::WaitQueue,
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    sync::{Arc, Weak},
    vec::Vec,
};
use linux_raw_sys::net as raw;

/// Bytes that may wait for a reader (`net.core.wmem_default`).
const CAPACITY: usize = 212_992;
/// Datagrams that may wait for a reader; Linux has 10, which programs that log depend on least.
const MESSAGES: usize = 64;
/// `net.core.somaxconn` (`listen(2)`).
const MAX_BACKLOG: usize = 4096;

static NAMES: Lock<BTreeMap<Vec<u8>, Weak<End>>> = Lock::new(BTreeMap::new());

fn path(name: &[u8]) -> Result<&str> {
    core::str::from_utf8(name).map_err(|_| Errno::ENOENT)
}

/// What waits for a reader: one run of bytes for streams, messages with their senders' names for the others.
#[derive(Default)]
struct Inbox {
    bytes: VecDeque<u8>,
    messages: VecDeque<(Vec<u8>, Vec<u8>)>,
    message_bytes: usize,
}

impl Inbox {
    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.messages.is_empty()
    }

    /// Bytes that a writer may add now; for messages, of one message.
    fn room(&self, stream: bool) -> usize {
        match stream {
            true => CAPACITY.saturating_sub(self.bytes.len()),
            false if self.messages.len() >= MESSAGES => 0,
            false => CAPACITY.saturating_sub(self.message_bytes),
        }
    }
}

#[derive(Default)]
struct State {
    inbox: Inbox,
    peer: Option<Weak<End>>,
    name: Option<Vec<u8>>,
    peer_name: Vec<u8>,
    /// Connections that wait to be accepted, and how many may.
    listening: Option<(VecDeque<Arc<End>>, usize)>,
    /// Had a peer (streams): its end is the end of the stream.
    connected: bool,
    peer_closed: bool,
    read_shut: bool,
    write_shut: bool,
    /// A writer at the other end found no room.
    room_wanted: bool,
    error: Option<Errno>,
    closed: bool,
}

/// One end.
struct End {
    kind: u32,
    queue: WaitQueue,
    state: Lock<State>,
}

impl End {
    fn new(kind: u32) -> Arc<Self> {
        Arc::new(Self {
            kind,
            queue: WaitQueue::new(),
            state: Lock::new(State::default()),
        })
    }

    fn is_stream(&self) -> bool {
        self.kind == raw::SOCK_STREAM
    }

    fn is_datagram(&self) -> bool {
        self.kind == raw::SOCK_DGRAM
    }

    fn peer(&self) -> Option<Arc<Self>> {
        self.state.lock().peer.as_ref()?.upgrade()
    }

    fn attach(&self, peer: &Arc<Self>, name: Vec<u8>) {
        let mut state = self.state.lock();
        state.peer = Some(Arc::downgrade(peer));
        state.peer_name = name;
        state.connected = true;
    }

    fn take_error(&self) -> Option<Errno> {
        self.state.lock().error.take()
    }
}

/// See the [module's documentation](self).
pub(super) struct UnixSocket {
    end: Arc<End>,
}

impl UnixSocket {
    /// A socket without name and peer.
    pub(super) fn new(kind: u32) -> Self {
        Self { end: End::new(kind) }
    }

    /// Two that are connected.
    pub(super) fn pair(kind: u32) -> (Self, Self) {
        let (one, other) = (End::new(kind), End::new(kind));
        one.attach(&other, Vec::new());
        other.attach(&one, Vec::new());
        (Self { end: one }, Self { end: other })
    }

    fn look_up(&self, address: &Address) -> Result<(Arc<End>, Vec<u8>)> {
        let Address::Unix(name) = address else {
            return Err(Errno::EINVAL);
        };
        if name.is_empty() {
            return Err(Errno::EINVAL);
        }
        let end = if name[0] == 0 {
            NAMES.lock().get(name).and_then(Weak::upgrade)
        } else {
            let node = fs::socket_at(path(name)?)?;
            node.downcast_ref::<Weak<End>>().and_then(Weak::upgrade)
        };
        // A path outlives the socket that was bound to it.
        let end = end.ok_or(Errno::ECONNREFUSED)?;
        if end.kind == self.end.kind {
            Ok((end, name.clone()))
        } else {
            Err(Errno::EPROTOTYPE)
        }
    }

    fn connect_stream(&self, address: &Address) -> Result<Progress> {
        {
            let state = self.end.state.lock();
            if state.connected {
                return Err(Errno::EISCONN);
            }
            if state.listening.is_some() {
                return Err(Errno::EINVAL);
            }
        }
        let (listener, name) = self.look_up(address)?;
        let own_name = self.end.state.lock().name.clone().unwrap_or_default();
        let accepted = End::new(self.end.kind);
        accepted.attach(&self.end, own_name);
        accepted.state.lock().name = Some(name.clone());
        {
            let mut state = listener.state.lock();
            let (ready, backlog) = state.listening.as_mut().ok_or(Errno::ECONNREFUSED)?;
            if ready.len() > *backlog {
                return Err(Errno::EAGAIN);
            }
            ready.push_back(accepted.clone());
        }
        self.end.attach(&accepted, name);
        listener.queue.wake_all();
        Ok(Progress::Done)
    }

    fn target(&self, to: Option<&Address>) -> Result<Arc<End>> {
        match to {
            Some(address) if self.end.is_datagram() => Ok(self.look_up(address)?.0),
            Some(_) if self.end.state.lock().connected => Err(Errno::EISCONN),
            Some(_) => Err(Errno::EOPNOTSUPP),
            None => {
                let connected = self.end.state.lock().connected;
                let gone = if self.end.is_datagram() {
                    Errno::ECONNREFUSED
                } else {
                    Errno::EPIPE
                };
                self.end
                    .peer()
                    .ok_or(if connected { gone } else { Errno::ENOTCONN })
            }
        }
    }
}

/// Adds what there is room for.
fn deliver(to: &End, parts: &[&[u8]], from: Vec<u8>) -> Result<usize> {
    let total: usize = parts.iter().map(|part| part.len()).sum();
    let mut state = to.state.lock();
    if state.closed || state.read_shut {
        return Err(if to.is_datagram() {
            Errno::ECONNREFUSED
        } else {
            Errno::EPIPE
        });
    }
    let room = state.inbox.room(to.is_stream());
    if !to.is_stream() {
        if total > CAPACITY {
            return Err(Errno::EMSGSIZE);
        }
        // A message goes whole or not at all.
        if room < total || room == 0 {
            state.room_wanted = true;
            return Err(Errno::EAGAIN);
        }
        state.inbox.messages.push_back((parts.concat(), from));
        state.inbox.message_bytes += total;
        return Ok(total);
    }
    if room == 0 && total > 0 {
        state.room_wanted = true;
        return Err(Errno::EAGAIN);
    }
    let mut left = room.min(total);
    for part in parts {
        let step = part.len().min(left);
        state.inbox.bytes.extend(&part[..step]);
        left -= step;
    }
    state.room_wanted |= room < total;
    Ok(room.min(total))
}

/// Copies from the front of a stream.
fn take_bytes(bytes: &mut VecDeque<u8>, parts: &mut [&mut [u8]], peek: bool) -> usize {
    let mut done = 0;
    for part in parts {
        let count = part.len().min(bytes.len() - done);
        let (front, back) = bytes.as_slices();
        let in_front = front.get(done..).unwrap_or_default();
        let first = in_front.len().min(count);
        part[..first].copy_from_slice(&in_front[..first]);
        let back_start = done.saturating_sub(front.len());
        part[first..count].copy_from_slice(&back[back_start..back_start + count - first]);
        done += count;
    }
    if !peek {
        bytes.drain(..done);
    }
    done
}

impl Endpoint for UnixSocket {
    fn identity(&self) -> (u32, u32, u32) {
        (raw::AF_UNIX, self.end.kind, 0)
    }

    fn bind(&self, address: &Address) -> Result<()> {
        let Address::Unix(name) = address else {
            return Err(Errno::EINVAL);
        };
        if self.end.state.lock().name.is_some() {
            return Err(Errno::EINVAL);
        }
        if name.first().is_some_and(|&first| first != 0) {
            fs::bind_socket(path(name)?, 0o777, Arc::new(Arc::downgrade(&self.end)))?;
            self.end.state.lock().name = Some(name.clone());
            return Ok(());
        }
        let mut names = NAMES.lock();
        names.retain(|_, end| end.strong_count() > 0);
        let name = if name.is_empty() {
            // `unix(7)`, autobind: five hexadecimal digits in the abstract namespace.
            (0..=u32::from(*EPHEMERAL.end()))
                .map(|number| format!("\0{number:05x}").into_bytes())
                .find(|name| !names.contains_key(name))
                .ok_or(Errno::ENOSPC)?
        } else {
            name.clone()
        };
        if names.contains_key(&name) {
            return Err(Errno::EADDRINUSE);
        }
        names.insert(name.clone(), Arc::downgrade(&self.end));
        drop(names);
        self.end.state.lock().name = Some(name);
        Ok(())
    }

    fn listen(&self, backlog: usize) -> Result<()> {
        if self.end.is_datagram() {
            return Err(Errno::EOPNOTSUPP);
        }
        let mut state = self.end.state.lock();
        if state.name.is_none() || state.connected {
            return Err(Errno::EINVAL);
        }
        let ready = state.listening.take().map(|(ready, _)| ready).unwrap_or_default();
        state.listening = Some((ready, backlog.min(MAX_BACKLOG)));
        Ok(())
    }

    fn accept(&self) -> Result<(Box<dyn Endpoint>, Address)> {
        if self.end.is_datagram() {
            return Err(Errno::EOPNOTSUPP);
        }
        let end = {
            let mut state = self.end.state.lock();
            let (ready, _) = state.listening.as_mut().ok_or(Errno::EINVAL)?;
            ready.pop_front().ok_or(Errno::EAGAIN)?
        };
        let from = end.state.lock().peer_name.clone();
        Ok((Box::new(Self { end }), Address::Unix(from)))
    }

    fn connect(&self, address: &Address) -> Result<Progress> {
        if !self.end.is_datagram() {
            return self.connect_stream(address);
        }
        if *address == Address::Unspecified {
            let mut state = self.end.state.lock();
            (state.peer, state.connected) = (None, false);
            return Ok(Progress::Done);
        }
        let (peer, name) = self.look_up(address)?;
        self.end.attach(&peer, name);
        Ok(Progress::Done)
    }

    fn send(&self, parts: &[&[u8]], to: Option<&Address>, _more: bool) -> Result<usize> {
        if let Some(error) = self.end.take_error() {
            return Err(error);
        }
        let (shut, own_name) = {
            let state = self.end.state.lock();
            let named = self.end.is_datagram();
            (
                state.write_shut,
                if named {
                    state.name.clone().unwrap_or_default()
                } else {
                    Vec::new()
                },
            )
        };
        if shut {
            return Err(Errno::EPIPE);
        }
        let target = self.target(to)?;
        let count = deliver(&target, parts, own_name)?;
        target.queue.wake_all();
        Ok(count)
    }

    fn recv(&self, parts: &mut [&mut [u8]], peek: bool) -> Result<Message> {
        let stream = self.end.is_stream();
        let (message, room_wanted) = {
            let mut state = self.end.state.lock();
            if state.inbox.is_empty() {
                if let Some(error) = state.error.take() {
                    return Err(error);
                }
                let over = state.peer_closed || state.read_shut;
                return match (over, state.connected || self.end.is_datagram()) {
                    (true, _) => Ok(Message::default()),
                    (false, true) => Err(Errno::EAGAIN),
                    (false, false) => Err(if stream { Errno::EINVAL } else { Errno::ENOTCONN }),
                };
            }
            let message = if stream {
                let copied = take_bytes(&mut state.inbox.bytes, parts, peek);
                Message {
                    copied,
                    len: copied,
                    from: None,
                }
            } else {
                take_message(&mut state.inbox, parts, peek)
            };
            (message, !peek && core::mem::take(&mut state.room_wanted))
        };
        if room_wanted && let Some(peer) = self.end.peer() {
            peer.queue.wake_all();
        }
        Ok(message)
    }

    fn shutdown(&self, read: bool, write: bool) -> Result<()> {
        let peer = self.end.peer();
        {
            let mut state = self.end.state.lock();
            if !state.connected && state.listening.is_none() {
                return Err(Errno::ENOTCONN);
            }
            state.read_shut |= read;
            state.write_shut |= write;
        }
        if let Some(peer) = peer.filter(|_| !self.end.is_datagram()) {
            peer.state.lock().peer_closed |= write;
            peer.queue.wake_all();
        }
        self.end.queue.wake_all();
        Ok(())
    }

    fn name(&self) -> Address {
        Address::Unix(self.end.state.lock().name.clone().unwrap_or_default())
    }

    fn peer(&self) -> Result<Address> {
        let state = self.end.state.lock();
        if state.connected {
            Ok(Address::Unix(state.peer_name.clone()))
        } else {
            Err(Errno::ENOTCONN)
        }
    }

    fn get_option(&self, level: u32, name: u32) -> Result<Value> {
        if level != raw::SOL_SOCKET {
            return Err(Errno::EOPNOTSUPP);
        }
        match name {
            raw::SO_ERROR => Ok(Value::Int(
                self.end.take_error().map_or(0, |errno| i32::from(errno.0)),
            )),
            raw::SO_SNDBUF | raw::SO_RCVBUF => Ok(Value::Int(CAPACITY as i32)),
            raw::SO_ACCEPTCONN => Ok(Value::flag(self.end.state.lock().listening.is_some())),
            raw::SO_PASSCRED
            | raw::SO_REUSEADDR
            | raw::SO_REUSEPORT
            | raw::SO_KEEPALIVE
            | raw::SO_BROADCAST => Ok(Value::Int(0)),
            raw::SO_LINGER => Ok(Value::Bytes(alloc::vec![0; 8])),
            // `struct ucred`: there is one process, and it is root.
            raw::SO_PEERCRED => {
                let mut bytes = PID.to_ne_bytes().to_vec();
                bytes.resize(12, 0);
                Ok(Value::Bytes(bytes))
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result<()> {
        match (level, name) {
            (
                raw::SOL_SOCKET,
                raw::SO_SNDBUF
                | raw::SO_RCVBUF
                | raw::SO_PASSCRED
                | raw::SO_REUSEADDR
                | raw::SO_KEEPALIVE
                | raw::SO_BROADCAST
                | raw::SO_LINGER,
            ) => options::int(value).map(|_| ()),
            (raw::SOL_SOCKET, raw::SO_REUSEPORT) => Err(Errno::EOPNOTSUPP),
            (raw::SOL_SOCKET, _) => Err(Errno::ENOPROTOOPT),
            _ => Err(Errno::EOPNOTSUPP),
        }
    }

    fn poll(&self) -> Poll {
        let (mut ready, writing) = {
            let state = self.end.state.lock();
            if let Some((waiting, _)) = &state.listening {
                return if waiting.is_empty() {
                    Poll::empty()
                } else {
                    Poll::IN
                };
            }
            let mut ready = Poll::empty();
            let over = state.peer_closed || state.read_shut;
            ready.set(Poll::ERR, state.error.is_some());
            ready.set(Poll::IN, over || !state.inbox.is_empty());
            ready.set(Poll::RDHUP, over);
            ready.set(Poll::HUP, over && state.write_shut);
            let unconnected = !state.connected && !self.end.is_datagram();
            ready.set(Poll::HUP, ready.contains(Poll::HUP) || unconnected);
            (ready, !state.write_shut && state.connected)
        };
        match self.end.peer() {
            Some(peer) if writing => {
                let mut state = peer.state.lock();
                let room = state.inbox.room(self.end.is_stream());
                // As Linux's `unix_writable`: not for a trickle.
                if room * 4 >= CAPACITY {
                    ready |= Poll::OUT;
                } else {
                    state.room_wanted = true;
                }
            }
            None if writing && !self.end.is_datagram() => {
                ready |= Poll::HUP | Poll::OUT | Poll::IN | Poll::RDHUP
            }
            _ => ready |= Poll::OUT,
        }
        ready
    }

    fn queue(&self) -> &WaitQueue {
        &self.end.queue
    }

    fn queued(&self) -> Result<(usize, usize)> {
        let state = self.end.state.lock();
        let next = state
            .inbox
            .messages
            .front()
            .map_or(0, |(message, _)| message.len());
        Ok((
            if self.end.is_stream() {
                state.inbox.bytes.len()
            } else {
                next
            },
            0,
        ))
    }

    fn close(&self) {
        let (name, waiting, unread) = {
            let mut state = self.end.state.lock();
            state.closed = true;
            let waiting = state.listening.take().map(|(ready, _)| ready).unwrap_or_default();
            let unread = !state.inbox.is_empty();
            state.inbox = Inbox::default();
            (state.name.clone(), waiting, unread)
        };
        if let Some(name) = name {
            let mut names = NAMES.lock();
            // Accepted connections bear the listener's name, too.
            if names
                .get(&name)
                .is_some_and(|end| core::ptr::eq(end.as_ptr(), Arc::as_ptr(&self.end)))
            {
                names.remove(&name);
            }
        }
        for end in waiting {
            Self { end }.close();
        }
        if let Some(peer) = self.end.peer() {
            if !self.end.is_datagram() {
                let mut state = peer.state.lock();
                state.peer_closed = true;
                state.write_shut = true;
                // What was not read is lost, and the peer is told (`unix(7)`).
                if unread {
                    state.error = Some(Errno::ECONNRESET);
                }
            }
            peer.queue.wake_all();
        }
    }

    fn is_stream(&self) -> bool {
        // Sequenced packets are connections, too: `SIGPIPE`, but never split.
        self.end.is_stream()
    }
}

/// Takes (or looks at) the oldest message; what does not fit is lost.
fn take_message(inbox: &mut Inbox, parts: &mut [&mut [u8]], peek: bool) -> Message {
    let Some((message, from)) = inbox.messages.front() else {
        return Message::default();
    };
    let mut rest = &message[..];
    for part in parts {
        let (head, tail) = rest.split_at(part.len().min(rest.len()));
        part[..head.len()].copy_from_slice(head);
        rest = tail;
    }
    let len = message.len();
    let result = Message {
        copied: len - rest.len(),
        len,
        from: Some(Address::Unix(from.clone())),
    };
    if !peek {
        inbox.messages.pop_front();
        inbox.message_bytes -= len;
    }
    result
}
