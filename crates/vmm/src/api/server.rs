//! Connections of API clients, served from one event loop without ever waiting for a client.
//!
//! ```text
//!   reading --whole request--> handled --> writing --all written--> reading | closed
//!      |                                      ^
//!      +--garbage, or too long: an error -----+ (then closed)
//! ```
//!
//! A connection that writes an answer is not read from, so its memory is bounded by one request and one answer. When
//! there are [`CONNECTIONS_MAX`] of them, a new one takes the place of the one that was silent longest.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    os::{
        fd::{AsRawFd, RawFd},
        unix::net::{UnixListener, UnixStream},
    },
};

use vmm_sys_util::epoll::{ControlOperation, Epoll, EpollEvent, EventSet};

use super::http::{self, Parsed, Request};
use crate::metrics::METRICS;

/// Most connections at once.
const CONNECTIONS_MAX: usize = 16;
/// Requests that one connection may have handled before others get their turn.
const REQUESTS_PER_TURN: usize = 8;

/// An answer: status and JSON body.
pub(crate) type Answer = (u16, Option<String>);

/// One client.
#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    written: usize,
    told_to_continue: bool,
    is_closing: bool,
    last_used: u64,
}

/// The listening socket and its clients. Epoll data of each is its descriptor's number.
#[derive(Debug)]
pub(crate) struct Server {
    listener: UnixListener,
    connections: BTreeMap<RawFd, Connection>,
    clock: u64,
}

impl Server {
    /// Serves clients of `listener`.
    ///
    /// # Errors
    ///
    /// What `fcntl(2)` or `epoll_ctl(2)` said.
    pub(crate) fn new(listener: UnixListener, epoll: &Epoll) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let fd = listener.as_raw_fd();
        epoll.ctl(
            ControlOperation::Add,
            fd,
            EpollEvent::new(EventSet::IN, fd as u64),
        )?;
        Ok(Self {
            listener,
            connections: BTreeMap::new(),
            clock: 0,
        })
    }

    /// Handles readiness of `fd`; `false` if it is not ours.
    pub(crate) fn process(
        &mut self,
        fd: RawFd,
        epoll: &Epoll,
        handle: &mut dyn FnMut(&Request) -> Answer,
    ) -> bool {
        if fd == self.listener.as_raw_fd() {
            self.accept(epoll);
            return true;
        }
        self.clock += 1;
        let Some(connection) = self.connections.get_mut(&fd) else {
            return false;
        };
        connection.last_used = self.clock;
        let events = match connection.turn(handle) {
            Ok(events) => events,
            Err(_) => {
                self.close(fd, epoll);
                return true;
            }
        };
        // Only fails for a descriptor that is not registered, and this one is.
        let _ = epoll.ctl(ControlOperation::Modify, fd, EpollEvent::new(events, fd as u64));
        true
    }

    fn accept(&mut self, epoll: &Epoll) {
        // One per event: level-triggered, so others are told again.
        let Ok((stream, _)) = self.listener.accept() else {
            return;
        };
        let fd = stream.as_raw_fd();
        let event = EpollEvent::new(EventSet::IN, fd as u64);
        if stream.set_nonblocking(true).is_err() || epoll.ctl(ControlOperation::Add, fd, event).is_err() {
            return;
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            let oldest = self
                .connections
                .iter()
                .min_by_key(|(_, connection)| connection.last_used);
            if let Some(&oldest) = oldest.map(|(fd, _)| fd) {
                self.close(oldest, epoll);
            }
        }
        self.clock += 1;
        self.connections.insert(
            fd,
            Connection {
                stream,
                input: Vec::new(),
                output: Vec::new(),
                written: 0,
                told_to_continue: false,
                is_closing: false,
                last_used: self.clock,
            },
        );
    }

    fn close(&mut self, fd: RawFd, epoll: &Epoll) {
        let _ = epoll.ctl(ControlOperation::Delete, fd, EpollEvent::default());
        self.connections.remove(&fd);
    }
}

impl Connection {
    /// Does what can be done now and returns what to wait for; an error closes.
    fn turn(&mut self, handle: &mut dyn FnMut(&Request) -> Answer) -> io::Result<EventSet> {
        for _ in 0..REQUESTS_PER_TURN {
            if !self.flush()? {
                return Ok(EventSet::OUT);
            }
            if self.is_closing {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            match http::parse(&self.input) {
                Parsed::Whole(request, length) => {
                    self.input.drain(..length);
                    self.told_to_continue = false;
                    METRICS.api_requests.add(1);
                    let (status, body) = handle(&request);
                    self.answer(status, body.as_deref(), request.keep_alive);
                }
                Parsed::Bad(status, message) => {
                    let body = serde_json::json!({ "fault_message": message }).to_string();
                    self.answer(status, Some(&body), false);
                }
                Parsed::Partial { expects_continue } => {
                    if expects_continue && !self.told_to_continue {
                        self.told_to_continue = true;
                        self.output.extend_from_slice(http::CONTINUE);
                    } else if !self.fill()? {
                        return Ok(EventSet::IN);
                    }
                }
            }
        }
        // More requests wait in the input, where epoll cannot see them: come back when the socket can be written, which is now.
        Ok(EventSet::IN | EventSet::OUT)
    }

    fn answer(&mut self, status: u16, body: Option<&str>, keep_alive: bool) {
        if status >= 400 {
            METRICS.api_errors.add(1);
        }
        self.is_closing = !keep_alive;
        self.output
            .extend_from_slice(&http::response(status, body, keep_alive));
    }

    /// Reads once; `false` if nothing is there.
    fn fill(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 16 << 10];
        let room = (http::REQUEST_MAX + buffer.len()).saturating_sub(self.input.len());
        let room = room.min(buffer.len());
        match self.stream.read(&mut buffer[..room]) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.input.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Writes the answer; `false` if the client does not take it now.
    fn flush(&mut self) -> io::Result<bool> {
        while self.written < self.output.len() {
            match self.stream.write(&self.output[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.clear();
        self.written = 0;
        Ok(true)
    }
}
