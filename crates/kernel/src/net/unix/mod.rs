//! Unix-domain sockets (`unix(7)`): streams, datagrams and sequenced packets between ends of this one process.
//!
//! Each end holds what came for it ([`inbox`]) and a weak reference to its peer. A path is a node in the file system that leads to the end; abstract names live
//! in a table of their own. No two ends are locked at once. Descriptors that are sent are counted in [`flight`], whose lock comes before an end's.

mod flight;
mod inbox;
mod options;

use super::{
    address::Address,
    control::{Ancillary, Credentials},
    options::Value,
    ports::EPHEMERAL,
    socket::{Endpoint, Message, Outgoing, Progress},
};
use crate::{
    errno::{Errno, Result},
    file::{OpenFile, Poll},
    fs,
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
use core::any::Any;
use inbox::{CAPACITY, Extras, Inbox};
use linux_raw_sys::net as raw;

/// `net.core.somaxconn` (`listen(2)`).
const MAX_BACKLOG: usize = 4096;

static NAMES: Lock<BTreeMap<Vec<u8>, Weak<End>>> = Lock::new(BTreeMap::new());

fn path(name: &[u8]) -> Result<&str> {
    core::str::from_utf8(name).map_err(|_| Errno::ENOENT)
}

/// A listening socket's part of the state.
#[derive(Default)]
struct Listening {
    /// Connections that wait to be accepted.
    ready: VecDeque<Arc<End>>,
    backlog: usize,
    /// Those who found the backlog full.
    refused: Vec<Weak<End>>,
}

#[derive(Default)]
struct State {
    inbox: Inbox,
    peer: Option<Weak<End>>,
    name: Option<Vec<u8>>,
    peer_name: Vec<u8>,
    listening: Option<Listening>,
    /// Has, or had, a peer: a stream's end is the peer's end.
    connected: bool,
    /// Nothing more comes (Linux's `RCV_SHUTDOWN`): the peer will not write, or we shall not read.
    read_shut: bool,
    /// Nothing more goes (`SEND_SHUTDOWN`).
    write_shut: bool,
    /// Writers who found no room.
    waiting_writers: Vec<Weak<End>>,
    error: Option<Errno>,
    closed: bool,
    /// `SO_PASSCRED`.
    pass_credentials: bool,
    /// Made by a `connect` and not accepted yet.
    embryo: bool,
}

impl State {
    /// Notes who is to be woken when something is taken from the inbox.
    fn wants_room(&mut self, sender: &Arc<End>) {
        self.waiting_writers.retain(|end| end.strong_count() > 0);
        if !self
            .waiting_writers
            .iter()
            .any(|end| core::ptr::eq(end.as_ptr(), Arc::as_ptr(sender)))
        {
            self.waiting_writers.push(Arc::downgrade(sender));
        }
    }
}

/// What was taken from an inbox, and who waits for the room.
type Taken = (Message, Vec<Weak<End>>);

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

    /// True if that is this end's peer.
    fn has_peer(&self, other: &Self) -> bool {
        let state = self.state.lock();
        state
            .peer
            .as_ref()
            .is_some_and(|peer| core::ptr::eq(peer.as_ptr(), other))
    }

    /// True if what comes from `sender` is bounded by bytes rather than messages: the two are each other's peers.
    fn is_mutual(&self, sender: &Self) -> bool {
        !self.is_datagram() || self.has_peer(sender)
    }

    /// True if this end takes datagrams from that one: from all if it has no peer of its own.
    fn admits(&self, other: &Self) -> bool {
        self.peer().is_none() || self.has_peer(other)
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

    /// This end, and those that wait to be accepted here.
    fn each_inbox(&self, mut f: impl FnMut(&mut Inbox)) {
        let embryos: Vec<Arc<Self>> = {
            let mut state = self.state.lock();
            f(&mut state.inbox);
            let listening = state.listening.as_ref();
            listening.map_or_else(Vec::new, |listening| listening.ready.iter().cloned().collect())
        };
        for embryo in embryos {
            f(&mut embryo.state.lock().inbox);
        }
    }

    /// The addresses of the descriptions that wait here.
    fn waiting_files(&self) -> Vec<usize> {
        let mut all = Vec::new();
        self.each_inbox(|inbox| all.extend(inbox.files().map(|file| Arc::as_ptr(file) as usize)));
        all
    }

    /// Takes the descriptions out that wait here.
    fn take_waiting_files(&self, into: &mut Vec<Arc<OpenFile>>) {
        self.each_inbox(|inbox| into.append(&mut inbox.take_files()));
    }

    /// Adds what there is room for; `sender` is woken when there is more.
    fn deliver(&self, parts: &[&[u8]], sender: &Arc<Self>, from: Vec<u8>, extras: Extras) -> Result<usize> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let mutual = self.is_mutual(sender);
        let mut state = self.state.lock();
        if state.closed || state.read_shut {
            return Err(match (self.is_datagram(), state.closed) {
                (true, true) => Errno::ECONNREFUSED,
                _ => Errno::EPIPE,
            });
        }
        let room = state.inbox.room();
        if self.is_stream() {
            if room == 0 && total > 0 {
                state.wants_room(sender);
                return Err(Errno::EAGAIN);
            }
            if room < total {
                state.wants_room(sender);
            }
            if total > 0 {
                state.inbox.push_bytes(parts, room.min(total), extras);
            }
            return Ok(room.min(total));
        }
        if total > CAPACITY {
            return Err(Errno::EMSGSIZE);
        }
        // A message goes whole or not at all.
        if room < total || state.inbox.is_full_of_messages(mutual) {
            state.wants_room(sender);
            return Err(Errno::EAGAIN);
        }
        state.inbox.push_packet(parts.concat(), from, extras);
        Ok(total)
    }

    /// Takes the next bytes or message, and those who wait for room; `Ok(None)` if they bring descriptors and `with_files` does not allow for it.
    fn take(&self, parts: &mut [&mut [u8]], peek: bool, with_files: bool) -> Result<Option<Taken>> {
        let mut state = self.state.lock();
        let pass = state.pass_credentials;
        if state.inbox.is_empty() {
            if let Some(error) = state.error.take() {
                return Err(error);
            }
            return match (state.read_shut, state.connected || self.is_datagram()) {
                (true, _) => Ok(Some(Taken::default())),
                (false, true) => Err(Errno::EAGAIN),
                (false, false) if self.is_stream() => Err(Errno::EINVAL),
                (false, false) => Err(Errno::ENOTCONN),
            };
        }
        let room = parts.iter().map(|part| part.len()).sum();
        if !with_files && !peek && state.inbox.next_has_files(room) {
            return Ok(None);
        }
        let message = if self.is_stream() {
            state.inbox.take_bytes(parts, peek, pass)
        } else {
            state.inbox.take_packet(parts, peek, pass)
        };
        let writers = if peek {
            Vec::new()
        } else {
            core::mem::take(&mut state.waiting_writers)
        };
        Ok(Some((message, writers)))
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
        let end = end
            .filter(|end| !end.state.lock().closed)
            .ok_or(Errno::ECONNREFUSED)?;
        if end.kind == self.end.kind {
            Ok((end, name.clone()))
        } else {
            Err(Errno::EPROTOTYPE)
        }
    }

    fn connect_stream(&self, address: &Address) -> Result<Progress> {
        let (listener, name) = self.look_up(address)?;
        {
            let state = self.end.state.lock();
            if state.connected {
                return Err(Errno::EISCONN);
            }
            if state.listening.is_some() {
                return Err(Errno::EINVAL);
            }
        }
        self.bind_for_credentials()?;
        let own_name = self.end.state.lock().name.clone().unwrap_or_default();
        let accepted = End::new(self.end.kind);
        accepted.attach(&self.end, own_name);
        let pass_credentials = listener.state.lock().pass_credentials;
        {
            let mut state = accepted.state.lock();
            state.name = Some(name.clone());
            state.pass_credentials = pass_credentials;
            state.embryo = true;
        }
        {
            let mut state = listener.state.lock();
            let read_shut = state.read_shut;
            let listening = state.listening.as_mut().filter(|_| !read_shut);
            let listening = listening.ok_or(Errno::ECONNREFUSED)?;
            if listening.ready.len() > listening.backlog {
                listening.refused.retain(|end| end.strong_count() > 0);
                listening.refused.push(Arc::downgrade(&self.end));
                return Err(Errno::EAGAIN);
            }
            listening.ready.push_back(accepted.clone());
        }
        self.end.attach(&accepted, name);
        listener.queue.wake_all();
        Ok(Progress::Done)
    }

    /// Where a message goes, and whether the two ends are each other's peers.
    fn target(&self, to: Option<&Address>) -> Result<Arc<End>> {
        match to {
            Some(address) if self.end.is_datagram() => {
                let (target, _) = self.look_up(address)?;
                if target.admits(&self.end) {
                    Ok(target)
                } else {
                    Err(Errno::EPERM)
                }
            }
            Some(_) if self.end.state.lock().connected => Err(Errno::EISCONN),
            Some(_) if self.end.is_stream() => Err(Errno::EOPNOTSUPP),
            _ if self.end.is_datagram() => self.datagram_peer(),
            _ => {
                let connected = self.end.state.lock().connected;
                let gone = if connected { Errno::EPIPE } else { Errno::ENOTCONN };
                self.end.peer().ok_or(gone)
            }
        }
    }

    /// A datagram socket's peer; one that is gone is reported once, and forgotten.
    fn datagram_peer(&self) -> Result<Arc<End>> {
        let mut state = self.end.state.lock();
        let peer = state.peer.as_ref().ok_or(Errno::ENOTCONN)?.upgrade();
        if let Some(peer) = peer {
            drop(state);
            if !peer.state.lock().closed {
                return if peer.admits(&self.end) {
                    Ok(peer)
                } else {
                    Err(Errno::EPERM)
                };
            }
            state = self.end.state.lock();
        }
        (state.peer, state.connected) = (None, false);
        Err(Errno::ECONNREFUSED)
    }

    fn bind_to(&self, name: &[u8]) -> Result<()> {
        if self.end.state.lock().name.is_some() {
            // A name for one that has one already: nothing to do (`unix(7)`, autobind).
            if name.is_empty() {
                return Ok(());
            }
            // Linux makes the node first, and so finds out about the path before.
            let is_path = name.first().is_some_and(|&first| first != 0);
            let taken = is_path && fs::socket_at(path(name)?).err() != Some(Errno::ENOENT);
            return Err(if taken { Errno::EADDRINUSE } else { Errno::EINVAL });
        }
        if name.first().is_some_and(|&first| first != 0) {
            fs::bind_socket(path(name)?, 0o777, Arc::new(Arc::downgrade(&self.end)))?;
            self.end.state.lock().name = Some(name.to_vec());
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
            name.to_vec()
        };
        if names.contains_key(&name) {
            return Err(Errno::EADDRINUSE);
        }
        names.insert(name.clone(), Arc::downgrade(&self.end));
        drop(names);
        self.end.state.lock().name = Some(name);
        Ok(())
    }

    /// Whoever passes credentials is to be found again (`unix(7)`, `SO_PASSCRED`).
    fn bind_for_credentials(&self) -> Result<()> {
        let must = {
            let state = self.end.state.lock();
            state.pass_credentials && state.name.is_none()
        };
        if must { self.bind_to(&[]) } else { Ok(()) }
    }

    fn extras(&self, target: &End, control: &[Ancillary]) -> Extras {
        let mut extras = Extras::default();
        for message in control {
            match message {
                Ancillary::Files(files) => extras.files.clone_from(files),
                Ancillary::Credentials(credentials) => extras.credentials = Some(*credentials),
                Ancillary::Other { .. } => {}
            }
        }
        let own_wish = self.end.state.lock().pass_credentials;
        let wanted = own_wish || {
            let state = target.state.lock();
            state.pass_credentials || state.embryo
        };
        if wanted && extras.credentials.is_none() {
            extras.credentials = Some(Credentials::OWN);
        }
        extras
    }

    fn close_listener(&self, listening: Listening) {
        for end in listening.ready {
            Self { end }.close();
        }
        wake(listening.refused);
    }
}

/// Has those ends look again.
fn wake(ends: Vec<Weak<End>>) {
    for end in ends.iter().filter_map(Weak::upgrade) {
        end.queue.wake_all();
    }
}

impl Endpoint for UnixSocket {
    fn identity(&self) -> (u32, u32, u32) {
        (raw::AF_UNIX, self.end.kind, 0)
    }

    fn bind(&self, address: &Address) -> Result<()> {
        let Address::Unix(name) = address else {
            return Err(Errno::EINVAL);
        };
        self.bind_to(name)
    }

    fn listen(&self, backlog: usize) -> Result<()> {
        if self.end.is_datagram() {
            return Err(Errno::EOPNOTSUPP);
        }
        let refused = {
            let mut state = self.end.state.lock();
            if state.name.is_none() || state.connected {
                return Err(Errno::EINVAL);
            }
            let listening = state.listening.get_or_insert_default();
            listening.backlog = backlog.min(MAX_BACKLOG);
            core::mem::take(&mut listening.refused)
        };
        wake(refused);
        Ok(())
    }

    fn accept(&self) -> Result<(Box<dyn Endpoint>, Address)> {
        if self.end.is_datagram() {
            return Err(Errno::EOPNOTSUPP);
        }
        let (end, refused) = {
            let mut state = self.end.state.lock();
            let read_shut = state.read_shut;
            let listening = state.listening.as_mut().ok_or(Errno::EINVAL)?;
            match listening.ready.pop_front() {
                Some(end) => (end, core::mem::take(&mut listening.refused)),
                None if read_shut => return Err(Errno::EINVAL),
                None => return Err(Errno::EAGAIN),
            }
        };
        wake(refused);
        let from = {
            let mut state = end.state.lock();
            state.embryo = false;
            state.peer_name.clone()
        };
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
        if !peer.admits(&self.end) {
            return Err(Errno::EPERM);
        }
        self.bind_for_credentials()?;
        self.end.attach(&peer, name);
        Ok(Progress::Done)
    }

    fn send(&self, parts: &[&[u8]], with: &Outgoing<'_>) -> Result<usize> {
        if let Some(error) = self.end.take_error() {
            return Err(error);
        }
        let write_shut = self.end.state.lock().write_shut;
        if write_shut && self.end.is_datagram() {
            return Err(Errno::EPIPE);
        }
        let target = self.target(with.to)?;
        if write_shut {
            return Err(Errno::EPIPE);
        }
        if self.end.is_datagram() {
            self.bind_for_credentials()?;
        }
        let own_name = {
            let state = self.end.state.lock();
            if self.end.is_stream() {
                Vec::new()
            } else {
                state.name.clone().unwrap_or_default()
            }
        };
        let extras = self.extras(&target, with.control);
        let files = extras.files.clone();
        flight::depart(&files)?;
        let result = target.deliver(parts, &self.end, own_name, extras);
        // A stream takes descriptors only with a byte.
        if result.is_err() || self.end.is_stream() && result == Ok(0) {
            flight::arrive(|landed| landed(&files));
        }
        target.queue.wake_all();
        result
    }

    fn recv(&self, parts: &mut [&mut [u8]], peek: bool) -> Result<Message> {
        let taken = match self.end.take(parts, peek, false)? {
            Some(taken) => Some(taken),
            None => flight::arrive(|landed| {
                let taken = self.end.take(parts, peek, true)?;
                for message in taken.iter().flat_map(|(message, _)| &message.control) {
                    if let Ancillary::Files(files) = message {
                        landed(files);
                    }
                }
                Ok(taken)
            })?,
        };
        let (message, writers) = taken.unwrap_or_default();
        wake(writers);
        Ok(message)
    }

    fn shutdown(&self, read: bool, write: bool) -> Result<()> {
        let peer = self.end.peer();
        let refused = {
            let mut state = self.end.state.lock();
            state.read_shut |= read;
            state.write_shut |= write;
            let listening = state.listening.as_mut();
            listening.map(|listening| core::mem::take(&mut listening.refused))
        };
        wake(refused.unwrap_or_default());
        if let Some(peer) = peer.filter(|_| !self.end.is_datagram()) {
            {
                let mut state = peer.state.lock();
                state.read_shut |= write;
                state.write_shut |= read;
            }
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
        options::get(&self.end, level, name)
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result<()> {
        options::set(&self.end, level, name, value)
    }

    fn poll(&self) -> Poll {
        let (mut ready, mut writable) = {
            let state = self.end.state.lock();
            let mut ready = Poll::empty();
            ready.set(Poll::ERR, state.error.is_some());
            ready.set(Poll::IN | Poll::RDHUP, state.read_shut);
            ready.set(Poll::HUP, state.read_shut && state.write_shut);
            if let Some(listening) = &state.listening {
                ready.set(Poll::IN, state.read_shut || !listening.ready.is_empty());
                return ready;
            }
            if !state.inbox.is_empty() {
                ready |= Poll::IN;
            }
            if !state.connected && !self.end.is_datagram() {
                ready |= Poll::HUP;
            }
            (ready, true)
        };
        if let Some(peer) = self.end.peer() {
            let mutual = peer.is_mutual(&self.end);
            let mut state = peer.state.lock();
            // As Linux's `unix_writable`: not for a trickle.
            writable = state.inbox.used() * 4 <= CAPACITY
                && (self.end.is_stream() || !state.inbox.is_full_of_messages(mutual));
            if !writable {
                state.wants_room(&self.end);
            }
        }
        ready.set(Poll::OUT, writable);
        ready
    }

    fn queue(&self) -> &WaitQueue {
        &self.end.queue
    }

    fn queued(&self) -> Result<(usize, usize)> {
        let (next, listening) = {
            let state = self.end.state.lock();
            (state.inbox.next_len(), state.listening.is_some())
        };
        if listening {
            return Err(Errno::EINVAL);
        }
        let unread = self.end.peer().map_or(0, |peer| peer.state.lock().inbox.used());
        Ok((next, unread))
    }

    fn close(&self) {
        let (name, listening, inbox, writers, embryo) = {
            let mut state = self.end.state.lock();
            state.closed = true;
            let inbox = core::mem::take(&mut state.inbox);
            let writers = core::mem::take(&mut state.waiting_writers);
            (
                state.name.clone(),
                state.listening.take(),
                inbox,
                writers,
                state.embryo,
            )
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
        if let Some(listening) = listening {
            self.close_listener(listening);
        }
        if let Some(peer) = self.end.peer() {
            if !self.end.is_datagram() {
                let mut state = peer.state.lock();
                state.read_shut = true;
                state.write_shut = true;
                // What was not read is lost, and the peer is told (`unix(7)`).
                if !inbox.is_empty() || embryo {
                    state.error = Some(Errno::ECONNRESET);
                }
            }
            peer.queue.wake_all();
        }
        wake(writers);
        discard(inbox);
        flight::collect();
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

/// Lets go of what was never read.
fn discard(mut inbox: Inbox) {
    let files = inbox.take_files();
    if !files.is_empty() {
        flight::arrive(|landed| landed(&files));
        flight::bury(files);
    }
}
