//! UDP sockets (`udp(7)`).

use super::{
    address::Address,
    control::Timestamp,
    inet::Inet,
    interface,
    options::{self, Value},
    ports::{BindingId, Ports, Protocol, Reuse},
    socket::{Endpoint, Message, Outgoing, Progress},
    stack::{Datagrams, DatagramsId, RECEIVE_BUFFER, this_host},
    with_stack,
};
use crate::{
    errno::{Errno, Result},
    file::Poll,
    sync::Lock,
    wait::WaitQueue,
};
use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};
use linux_raw_sys::net as raw;

/// What `SO_SNDBUF` says (`net.core.wmem_default`).
const SEND_BUFFER: usize = 212_992;
/// Limits of `SO_RCVBUF` and `SO_SNDBUF` in bytes, before doubling (`socket(7)`).
const BUFFER_LIMITS: (u32, u32) = (1152, 4 << 20);

#[derive(Clone, Copy, Debug)]
struct State {
    /// The bound socket in the stack.
    bound: Option<(DatagramsId, BindingId)>,
    inet: Inet,
    local: SocketAddr,
    /// What the program bound, to go back to when the peer is given up.
    given: SocketAddr,
    peer: Option<SocketAddr>,
    reuse: Reuse,
    broadcast: bool,
    timestamp: Timestamp,
    /// `SO_RCVBUF` and `SO_SNDBUF`, doubled.
    receive_buffer: usize,
    send_buffer: usize,
}

/// See the [module's documentation](self).
pub(super) struct UdpSocket {
    queue: Arc<WaitQueue>,
    state: Lock<State>,
}

impl UdpSocket {
    /// A socket that is not bound yet.
    pub(super) fn new(family: u32) -> Self {
        let inet = Inet::new(family);
        Self {
            queue: Arc::new(WaitQueue::new()),
            state: Lock::new(State {
                bound: None,
                inet,
                local: inet.unnamed(),
                given: inet.unnamed(),
                peer: None,
                reuse: Reuse::default(),
                broadcast: false,
                timestamp: Timestamp::Off,
                receive_buffer: RECEIVE_BUFFER,
                send_buffer: SEND_BUFFER,
            }),
        }
    }

    fn state(&self) -> State {
        *self.state.lock()
    }

    fn bind_to(&self, address: SocketAddr) -> Result<DatagramsId> {
        let state = self.state();
        if state.bound.is_some() {
            return Err(Errno::EINVAL);
        }
        let (bound, local) = with_stack(|stack| {
            stack.own(address.ip())?;
            let port = match address.port() {
                0 => {
                    let random = stack.random();
                    Ports::ephemeral(random, |port| stack.ports.is_free(Protocol::Udp, port))?
                }
                port => port,
            };
            let bound = state.inet.bound(address.ip());
            let binding = stack.ports.bind(Protocol::Udp, bound, port, state.reuse)?;
            let id = stack.add_datagrams((bound, port), &self.queue);
            if let Some(datagrams) = stack.datagrams.get_mut(id) {
                datagrams.receive_buffer = state.receive_buffer;
            }
            Ok(((id, binding), SocketAddr::new(address.ip(), port)))
        })?;
        let mut state = self.state.lock();
        state.bound = Some(bound);
        (state.local, state.given) = (local, local);
        Ok(bound.0)
    }

    /// Changes the bound socket in the stack.
    fn change(&self, f: impl FnOnce(&mut Datagrams)) {
        if let Some((id, _)) = self.state().bound {
            with_stack(|stack| stack.datagrams.get_mut(id).map(f));
        }
    }

    fn bound(&self) -> Result<DatagramsId> {
        match self.state().bound {
            Some((id, _)) => Ok(id),
            None => self.bind_to(self.state().inet.unnamed()),
        }
    }
}

impl Endpoint for UdpSocket {
    fn identity(&self) -> (u32, u32, u32) {
        (self.state().inet.family, raw::SOCK_DGRAM, options::IPPROTO_UDP)
    }

    fn bind(&self, address: &Address) -> Result<()> {
        self.bind_to(address.socket_addr(self.state().inet.family)?)
            .map(|_| ())
    }

    fn connect(&self, address: &Address) -> Result<Progress> {
        let state = self.state();
        let peer = match address {
            Address::Unspecified => None,
            other => Some(state.inet.read(other)?),
        };
        let peer = peer.map(|peer| SocketAddr::new(this_host(peer.ip()), peer.port()));
        let id = self.bound()?;
        let given = self.state().given;
        let local = with_stack(|stack| {
            let source = peer.map(|peer| stack.route(peer.ip())).transpose()?;
            let datagrams = stack.datagrams.get_mut(id).ok_or(Errno::EBADF)?;
            datagrams.peer = peer;
            let ip = match source {
                Some((_, source)) if given.ip().is_unspecified() => source,
                _ => given.ip(),
            };
            datagrams.local = state.inet.bound(ip);
            Ok(SocketAddr::new(ip, given.port()))
        })?;
        let mut state = self.state.lock();
        state.peer = peer;
        state.local = local;
        Ok(Progress::Done)
    }

    fn send(&self, parts: &[&[u8]], with: &Outgoing<'_>) -> Result<usize> {
        let state = self.state();
        let to = match with.to {
            Some(Address::Unspecified) | None => state.peer.ok_or(Errno::EDESTADDRREQ)?,
            Some(address) => state.inet.read(address)?,
        };
        if matches!(to.ip(), IpAddr::V4(ip) if ip.is_broadcast()) && !state.broadcast {
            return Err(Errno::EACCES);
        }
        let id = self.bound()?;
        let (from, hop_limit) = state.inet.wishes(with.control)?;
        let hop_limit = hop_limit.unwrap_or(state.inet.hop_limit(to.is_ipv4()));
        with_stack(|stack| stack.send_datagram(id, parts, to, (from, hop_limit)))
    }

    fn recv(&self, parts: &mut [&mut [u8]], peek: bool) -> Result<Message> {
        let state = self.state();
        let Some((id, _)) = state.bound else {
            return Err(Errno::EAGAIN);
        };
        let received = with_stack(|stack| stack.receive_datagram(id, parts, peek))?;
        Ok(received.map_or_else(Message::default, |received| Message {
            copied: received.copied,
            len: received.len,
            from: Some(state.inet.show(received.about.from)),
            control: state.inet.about(&received.about, state.timestamp),
        }))
    }

    fn shutdown(&self, read: bool, write: bool) -> Result<()> {
        let state = self.state();
        let (Some((id, _)), Some(_)) = (state.bound, state.peer) else {
            return Err(Errno::ENOTCONN);
        };
        with_stack(|stack| {
            if let Some(datagrams) = stack.datagrams.get_mut(id) {
                datagrams.read_shut |= read;
                datagrams.write_shut |= write;
            }
        });
        self.queue.wake_all();
        Ok(())
    }

    fn name(&self) -> Address {
        let state = self.state();
        state.inet.show(state.local)
    }

    fn peer(&self) -> Result<Address> {
        let state = self.state();
        state
            .peer
            .map(|peer| state.inet.show(peer))
            .ok_or(Errno::ENOTCONN)
    }

    fn get_option(&self, level: u32, name: u32) -> Result<Value> {
        let state = self.state();
        Ok(match (level, name) {
            (raw::SOL_SOCKET, raw::SO_ERROR) => {
                let error = state
                    .bound
                    .and_then(|(id, _)| with_stack(|stack| stack.datagrams.get_mut(id)?.error.take()));
                Value::Int(error.map_or(0, |errno| i32::from(errno.0)))
            }
            (raw::SOL_SOCKET, raw::SO_REUSEADDR) => Value::flag(state.reuse.address),
            (raw::SOL_SOCKET, raw::SO_REUSEPORT) => Value::flag(state.reuse.port),
            (raw::SOL_SOCKET, raw::SO_BROADCAST) => Value::flag(state.broadcast),
            (raw::SOL_SOCKET, raw::SO_ACCEPTCONN | raw::SO_KEEPALIVE) => Value::Int(0),
            (raw::SOL_SOCKET, raw::SO_SNDBUF) => Value::Int(state.send_buffer as i32),
            (raw::SOL_SOCKET, raw::SO_RCVBUF) => Value::Int(state.receive_buffer as i32),
            (raw::SOL_SOCKET, raw::SO_LINGER) => Value::Bytes(alloc::vec![0; 8]),
            (raw::SOL_SOCKET, raw::SO_TIMESTAMP_OLD | raw::SO_TIMESTAMPNS_OLD) => {
                Value::flag(state.timestamp.answers(name))
            }
            (options::IPPROTO_IP | options::IPPROTO_IPV6, _) => {
                let mtu = || {
                    let peer = state.peer?.ip();
                    with_stack(|stack| stack.mtu_to(peer))
                };
                return state.inet.get_option(level, name, mtu);
            }
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result<()> {
        let buffer = || Ok(options::unsigned(value)?.clamp(BUFFER_LIMITS.0, BUFFER_LIMITS.1) as usize * 2);
        match (level, name) {
            (raw::SOL_SOCKET, raw::SO_REUSEADDR) => {
                self.state.lock().reuse.address = options::int(value)? != 0
            }
            (raw::SOL_SOCKET, raw::SO_REUSEPORT) => self.state.lock().reuse.port = options::int(value)? != 0,
            (raw::SOL_SOCKET, raw::SO_BROADCAST) => self.state.lock().broadcast = options::int(value)? != 0,
            (raw::SOL_SOCKET, raw::SO_SNDBUF | raw::SO_SNDBUFFORCE) => {
                self.state.lock().send_buffer = buffer()?;
            }
            (raw::SOL_SOCKET, raw::SO_RCVBUF | raw::SO_RCVBUFFORCE) => {
                let bytes = buffer()?;
                self.state.lock().receive_buffer = bytes;
                self.change(|datagrams| datagrams.receive_buffer = bytes);
            }
            (raw::SOL_SOCKET, raw::SO_KEEPALIVE | raw::SO_LINGER) => {
                options::int(value)?;
            }
            (raw::SOL_SOCKET, raw::SO_TIMESTAMP_OLD | raw::SO_TIMESTAMPNS_OLD) => {
                let on = options::int(value)? != 0;
                let mut state = self.state.lock();
                state.timestamp = state.timestamp.set(name, on);
            }
            (raw::SOL_SOCKET, raw::SO_BINDTODEVICE) => interface::bind_to_device(value)?,
            (options::IPPROTO_IP | options::IPPROTO_IPV6, _) => {
                let mut state = self.state.lock();
                let bound = state.bound.is_some();
                state.inet.set_option(level, name, value, bound)?;
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn poll(&self) -> Poll {
        match self.state().bound {
            Some((id, _)) => with_stack(|stack| stack.datagram_readiness(id).0),
            None => Poll::OUT,
        }
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn queued(&self) -> Result<(usize, usize)> {
        let next = |(id, _)| with_stack(|stack| stack.datagram_readiness(id).1);
        Ok((self.state().bound.map_or(0, next), 0))
    }

    fn close(&self) {
        let bound = self.state.lock().bound.take();
        if let Some((id, binding)) = bound {
            with_stack(|stack| {
                stack.remove_datagrams(id);
                stack.ports.release(binding);
            });
        }
    }
}
