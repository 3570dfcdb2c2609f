//! UDP sockets (`udp(7)`).

use super::{
    address::Address,
    options::{self, Value},
    ports::{BindingId, Ports, Protocol, Reuse},
    socket::{Endpoint, Message, Outgoing, Progress},
    stack::DatagramsId,
    with_stack,
};
use crate::{
    errno::{Errno, Result},
    file::Poll,
    sync::Lock,
    wait::WaitQueue,
};
use alloc::sync::Arc;
use core::net::{Ipv4Addr, SocketAddrV4};
use linux_raw_sys::net as raw;

/// What `SO_SNDBUF` and `SO_RCVBUF` say: twice the buffers that there are (`socket(7)`).
const BUFFER: i32 = 128 * 1024;

#[derive(Clone, Copy, Debug)]
struct State {
    /// The bound socket in the stack.
    bound: Option<(DatagramsId, BindingId)>,
    local: SocketAddrV4,
    peer: Option<SocketAddrV4>,
    reuse: Reuse,
    broadcast: bool,
    hop_limit: u8,
    tos: u8,
}

/// See the [module's documentation](self).
pub(super) struct UdpSocket {
    queue: Arc<WaitQueue>,
    state: Lock<State>,
}

impl UdpSocket {
    /// A socket that is not bound yet.
    pub(super) fn new() -> Self {
        Self {
            queue: Arc::new(WaitQueue::new()),
            state: Lock::new(State {
                bound: None,
                local: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
                peer: None,
                reuse: Reuse::default(),
                broadcast: false,
                hop_limit: 64,
                tos: 0,
            }),
        }
    }

    fn state(&self) -> State {
        *self.state.lock()
    }

    fn bind_to(&self, address: SocketAddrV4) -> Result<DatagramsId> {
        let state = self.state();
        if state.bound.is_some() {
            return Err(Errno::EINVAL);
        }
        let (bound, local) = with_stack(|stack| {
            stack.own(*address.ip())?;
            let port = match address.port() {
                0 => {
                    let random = stack.random();
                    Ports::ephemeral(random, |port| stack.ports.is_free(Protocol::Udp, port))?
                }
                port => port,
            };
            let binding = stack
                .ports
                .bind(Protocol::Udp, *address.ip(), port, state.reuse)?;
            let local = SocketAddrV4::new(*address.ip(), port);
            let id = stack.add_datagrams(local, &self.queue);
            if let Some(datagrams) = stack.datagrams.get_mut(id) {
                datagrams.hop_limit = state.hop_limit;
            }
            Ok(((id, binding), local))
        })?;
        let mut state = self.state.lock();
        state.bound = Some(bound);
        state.local = local;
        Ok(bound.0)
    }

    fn bound(&self) -> Result<DatagramsId> {
        match self.state().bound {
            Some((id, _)) => Ok(id),
            None => self.bind_to(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)),
        }
    }
}

impl Endpoint for UdpSocket {
    fn identity(&self) -> (u32, u32, u32) {
        (raw::AF_INET, raw::SOCK_DGRAM, options::IPPROTO_UDP)
    }

    fn bind(&self, address: &Address) -> Result<()> {
        self.bind_to(address.inet()?).map(|_| ())
    }

    fn connect(&self, address: &Address) -> Result<Progress> {
        let peer = match address {
            Address::Unspecified => None,
            other => Some(other.inet()?),
        };
        // `ip(7)`: the unspecified address as a target is this host.
        let peer = peer.map(|peer| match peer.ip().is_unspecified() {
            true => SocketAddrV4::new(Ipv4Addr::LOCALHOST, peer.port()),
            false => peer,
        });
        let id = self.bound()?;
        let local = with_stack(|stack| {
            let source = peer.map(|peer| stack.route(*peer.ip())).transpose()?;
            let datagrams = stack.datagrams.get_mut(id).ok_or(Errno::EBADF)?;
            datagrams.peer = peer;
            if let Some((_, source)) = source
                && datagrams.local.ip().is_unspecified()
            {
                datagrams.local.set_ip(source);
            }
            Ok(datagrams.local)
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
            Some(address) => address.inet()?,
        };
        if to.ip().is_broadcast() && !state.broadcast {
            return Err(Errno::EACCES);
        }
        let id = self.bound()?;
        with_stack(|stack| stack.send_datagram(id, parts, to))
    }

    fn recv(&self, parts: &mut [&mut [u8]], peek: bool) -> Result<Message> {
        let Some((id, _)) = self.state().bound else {
            return Err(Errno::EAGAIN);
        };
        let received = with_stack(|stack| stack.receive_datagram(id, parts, peek))?;
        Ok(received.map_or_else(Message::default, |received| Message {
            copied: received.copied,
            len: received.len,
            from: Some(Address::Inet(received.from)),
            control: alloc::vec![],
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
        Address::Inet(self.state().local)
    }

    fn peer(&self) -> Result<Address> {
        self.state().peer.map(Address::Inet).ok_or(Errno::ENOTCONN)
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
            (raw::SOL_SOCKET, raw::SO_SNDBUF | raw::SO_RCVBUF) => Value::Int(BUFFER),
            (raw::SOL_SOCKET, raw::SO_LINGER) => Value::Bytes(alloc::vec![0; 8]),
            (options::IPPROTO_IP, raw::IP_TOS) => Value::Int(i32::from(state.tos)),
            (options::IPPROTO_IP, raw::IP_TTL) => Value::Int(i32::from(state.hop_limit)),
            (options::IPPROTO_IP, raw::IP_MTU_DISCOVER | raw::IP_MULTICAST_TTL | raw::IP_MULTICAST_LOOP) => {
                Value::Int(1)
            }
            (options::IPPROTO_IP, raw::IP_RECVERR | raw::IP_PKTINFO | raw::IP_RECVTOS | raw::IP_RECVTTL) => {
                Value::Int(0)
            }
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result<()> {
        match (level, name) {
            (raw::SOL_SOCKET, raw::SO_REUSEADDR) => {
                self.state.lock().reuse.address = options::int(value)? != 0
            }
            (raw::SOL_SOCKET, raw::SO_REUSEPORT) => self.state.lock().reuse.port = options::int(value)? != 0,
            (raw::SOL_SOCKET, raw::SO_BROADCAST) => self.state.lock().broadcast = options::int(value)? != 0,
            (
                raw::SOL_SOCKET,
                raw::SO_SNDBUF
                | raw::SO_RCVBUF
                | raw::SO_SNDBUFFORCE
                | raw::SO_RCVBUFFORCE
                | raw::SO_KEEPALIVE,
            )
            | (
                options::IPPROTO_IP,
                raw::IP_MTU_DISCOVER | raw::IP_RECVERR | raw::IP_MULTICAST_TTL | raw::IP_MULTICAST_LOOP,
            ) => {
                options::int_or_byte(value)?;
            }
            (options::IPPROTO_IP, raw::IP_TOS) => self.state.lock().tos = options::int_or_byte(value)? as u8,
            (options::IPPROTO_IP, raw::IP_TTL) => {
                let ttl = u8::try_from(options::int_or_byte(value)?)
                    .ok()
                    .filter(|&ttl| ttl > 0)
                    .ok_or(Errno::EINVAL)?;
                self.state.lock().hop_limit = ttl;
                if let Some((id, _)) = self.state().bound {
                    with_stack(|stack| {
                        if let Some(datagrams) = stack.datagrams.get_mut(id) {
                            datagrams.hop_limit = ttl;
                        }
                    });
                }
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
