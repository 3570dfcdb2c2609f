//! What the guest's console hears: messages to a Unix datagram socket, each passed on in order, an empty one being the end.
//!
//! Datagrams, because a daemon may die and another one go on: no connection breaks that could be taken for the end. The socket's own
//! queue (some messages, `unix(7)`) is all that is kept while the guest does not read; then the writer has to wait. After the end the
//! socket is closed, so that whoever writes more is told (`ECONNREFUSED`).

use std::{
    fs::File,
    io::{self, Read as _},
    os::{
        fd::{AsRawFd as _, OwnedFd, RawFd},
        unix::net::UnixDatagram,
    },
    path::Path,
    sync::{Arc, Mutex},
};

/// Longest message in bytes; what is longer loses its rest.
const MESSAGE_MAX: usize = 16 << 10;

/// An input shared by a machine and its console.
pub(crate) type SharedInput = Arc<Mutex<Input>>;

/// What can be said to the guest now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// Nothing; the descriptor becomes readable when that changes.
    Nothing,
    /// These bytes, at least one.
    Bytes(&'a [u8]),
    /// Nothing more, ever.
    End,
}

/// One source of console input; by default one that never says anything, not even that it has ended.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// A file, as the device's thread has `read(2)` but none of the calls for sockets.
    socket: Option<File>,
    message: Vec<u8>,
    /// Bytes of the message that have been taken.
    taken: usize,
    /// The end was heard and not yet taken.
    ends: bool,
}

impl Input {
    /// Binds the socket.
    ///
    /// # Errors
    ///
    /// Those of `bind(2)`.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        Self::new(UnixDatagram::bind(path)?)
    }

    /// Listens to a socket.
    ///
    /// # Errors
    ///
    /// Those of `fcntl(2)`.
    pub(crate) fn new(socket: UnixDatagram) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: Some(OwnedFd::from(socket).into()),
            ..Self::default()
        })
    }

    /// For `epoll(7)`; `None` if nothing will ever come.
    pub(crate) fn source(&self) -> Option<RawFd> {
        self.socket.as_ref().map(|socket| socket.as_raw_fd())
    }

    /// What is next; it stays so until it is [taken](Self::take).
    pub(crate) fn peek(&mut self) -> Heard<'_> {
        if self.taken == self.message.len() && !self.ends {
            self.receive();
        }
        match &self.message[self.taken..] {
            [] if self.ends => Heard::End,
            [] => Heard::Nothing,
            bytes => Heard::Bytes(bytes),
        }
    }

    /// Takes so many bytes of what is next, or the end.
    pub(crate) fn take(&mut self, count: usize) {
        if self.taken == self.message.len() {
            self.ends = false;
        }
        self.taken = self.message.len().min(self.taken + count);
    }

    fn receive(&mut self) {
        let Some(socket) = &mut self.socket else { return };
        self.message.resize(MESSAGE_MAX, 0);
        self.taken = 0;
        // An error is that nothing waits: a datagram socket of one's own has no others.
        let count = socket.read(&mut self.message);
        self.message.truncate(*count.as_ref().unwrap_or(&0));
        if count.is_ok_and(|count| count == 0) {
            (self.socket, self.message, self.ends) = (None, Vec::new(), true);
        }
    }
}
