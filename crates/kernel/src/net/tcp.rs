//! TCP sockets (`tcp(7)`): from `socket(2)` over `bind`, `listen` or `connect` to one connection or one listener of the stack.

use super::{
    address::Address,
    control::Timestamp,
    inet::Inet,
    interface,
    options::{self, Value},
    ports::{BindingId, Protocol, Reuse},
    socket::{Endpoint, Message, Outgoing, Progress},
    stack::{ConnectionId, ListenerId, Settings, state_number},
    with_stack,
};
use crate::{
    errno::{Errno, Result},
    file::Poll,
    sync::Lock,
    wait::WaitQueue,
};
use alloc::{boxed::Box, sync::Arc, vec, vec::Vec};
use core::net::{IpAddr, SocketAddr};
use linux_raw_sys::net as raw;

/// Limits of `SO_SNDBUF` and `SO_RCVBUF` in bytes, before doubling (`socket(7)`).
const BUFFER_LIMITS: (u32, u32) = (2048, 4 << 20);
/// `TCP_MAXSEG` as a program on Ethernet sees it.
const MSS: i32 = 1460;

/// What a socket has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Fresh,
    Listener(ListenerId),
    /// `reported` once `connect` said that it is connected.
    Connection {
        id: ConnectionId,
        reported: bool,
    },
}

#[derive(Clone, Copy, Debug)]
struct State {
    role: Role,
    inet: Inet,
    local: SocketAddr,
    peer: Option<SocketAddr>,
    binding: Option<BindingId>,
    settings: Settings,
    reuse: Reuse,
    /// `SO_LINGER`: on, and seconds.
    linger: (bool, u32),
    broadcast: bool,
    timestamp: Timestamp,
    defer_accept: i32,
    fast_open: i32,
    quick_ack: bool,
}

/// See the [module's documentation](self).
pub(super) struct TcpSocket {
    queue: Arc<WaitQueue>,
    state: Lock<State>,
}

impl TcpSocket {
    /// A socket that is not bound yet.
    pub(super) fn new(family: u32) -> Self {
        let inet = Inet::new(family);
        Self {
            queue: Arc::new(WaitQueue::new()),
            state: Lock::new(State {
                role: Role::Fresh,
                inet,
                local: inet.unnamed(),
                peer: None,
                binding: None,
                settings: Settings::default(),
                reuse: Reuse::default(),
                linger: (false, 0),
                broadcast: false,
                timestamp: Timestamp::Off,
                defer_accept: 0,
                fast_open: 0,
                quick_ack: true,
            }),
        }
    }

    /// A copy: the stack must not be entered with the lock taken, for whoever it wakes may look at this socket.
    fn state(&self) -> State {
        *self.state.lock()
    }

    fn connection(&self) -> Option<ConnectionId> {
        match self.state().role {
            Role::Connection { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Gives an unbound socket a port (`ip(7)`).
    fn bind_if_unbound(&self) -> Result<State> {
        let state = self.state();
        if state.binding.is_none() {
            self.bind_to(state.inet.unnamed())?;
        }
        Ok(self.state())
    }

    fn bind_to(&self, address: SocketAddr) -> Result<()> {
        let state = self.state();
        if state.binding.is_some() || state.role != Role::Fresh {
            return Err(Errno::EINVAL);
        }
        let (binding, local) = with_stack(|stack| {
            stack.own(address.ip())?;
            let port = match address.port() {
                0 => {
                    let random = stack.random();
                    let free = |port| stack.ports.is_free(Protocol::Tcp, port);
                    super::ports::Ports::ephemeral(random, free)?
                }
                port if !state.reuse.address && !state.reuse.port && stack.port_in_use(port) => {
                    return Err(Errno::EADDRINUSE);
                }
                port => port,
            };
            let bound = state.inet.bound(address.ip());
            let binding = stack.ports.bind(Protocol::Tcp, bound, port, state.reuse)?;
            Ok((binding, SocketAddr::new(address.ip(), port)))
        })?;
        let mut state = self.state.lock();
        state.binding = Some(binding);
        state.local = local;
        Ok(())
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        let state = {
            let mut state = self.state.lock();
            change(&mut state);
            *state
        };
        match state.role {
            Role::Fresh => {}
            Role::Listener(id) => with_stack(|stack| stack.update_listener(id, None, state.settings)),
            Role::Connection { id, .. } => with_stack(|stack| stack.configure(id, state.settings)),
        }
    }

    fn take_error(&self) -> Option<Errno> {
        let id = self.connection()?;
        with_stack(|stack| stack.connections.get_mut(id)?.error.take())
    }

    fn info(&self) -> Vec<u8> {
        // `struct tcp_info` (`linux/tcp.h`): the state first; of the rest only what is known.
        let mut bytes = vec![0u8; size_of::<raw::tcp_info>()];
        bytes[0] = match self.state().role {
            Role::Fresh => 7,
            Role::Listener(_) => 10,
            Role::Connection { id, .. } => state_number(with_stack(|stack| stack.tcp_state(id))),
        };
        for offset in [16, 20] {
            bytes[offset..offset + 4].copy_from_slice(&(MSS as u32).to_ne_bytes());
        }
        if let Role::Listener(id) = self.state().role {
            // Of a listener, `tcpi_unacked` and `tcpi_sacked` are the queue's length and limit.
            let (waiting, limit) = with_stack(|stack| stack.backlog(id));
            bytes[24..28].copy_from_slice(&(waiting as u32).to_ne_bytes());
            bytes[28..32].copy_from_slice(&(limit as u32).to_ne_bytes());
        }
        bytes
    }

    fn get_tcp_option(&self, name: u32) -> Result<Value> {
        let state = self.state();
        Ok(match name {
            raw::TCP_NODELAY => Value::flag(state.settings.no_delay),
            raw::TCP_CORK => Value::flag(state.settings.cork),
            raw::TCP_MAXSEG => Value::Int(if matches!(state.role, Role::Connection { .. }) {
                MSS
            } else {
                536
            }),
            raw::TCP_KEEPIDLE => Value::Int(state.settings.keep_idle as i32),
            raw::TCP_KEEPINTVL => Value::Int(state.settings.keep_interval as i32),
            raw::TCP_KEEPCNT => Value::Int(state.settings.keep_count as i32),
            raw::TCP_USER_TIMEOUT => Value::Int(state.settings.user_timeout as i32),
            raw::TCP_DEFER_ACCEPT => Value::Int(state.defer_accept),
            raw::TCP_QUICKACK => Value::flag(state.quick_ack),
            raw::TCP_FASTOPEN => Value::Int(state.fast_open),
            raw::TCP_SYNCNT => Value::Int(6),
            raw::TCP_LINGER2 => Value::Int(60),
            raw::TCP_WINDOW_CLAMP | raw::TCP_NOTSENT_LOWAT | raw::TCP_FASTOPEN_CONNECT => Value::Int(0),
            raw::TCP_CONGESTION => Value::Bytes(b"reno\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
            raw::TCP_INFO => Value::Bytes(self.info()),
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }

    fn set_tcp_option(&self, name: u32, value: &[u8]) -> Result<()> {
        let in_range = |limit: u32| {
            options::unsigned(value).and_then(|v| {
                if (1..=limit).contains(&v) {
                    Ok(v)
                } else {
                    Err(Errno::EINVAL)
                }
            })
        };
        match name {
            raw::TCP_NODELAY => {
                let on = options::int(value)? != 0;
                self.update(|state| state.settings.no_delay = on);
            }
            raw::TCP_CORK => {
                let on = options::int(value)? != 0;
                self.update(|state| state.settings.cork = on);
            }
            raw::TCP_KEEPIDLE => {
                let seconds = in_range(32_767)?;
                self.update(|state| state.settings.keep_idle = seconds);
            }
            raw::TCP_KEEPINTVL => {
                let seconds = in_range(32_767)?;
                self.update(|state| state.settings.keep_interval = seconds);
            }
            raw::TCP_KEEPCNT => {
                let count = in_range(127)?;
                self.update(|state| state.settings.keep_count = count);
            }
            raw::TCP_USER_TIMEOUT => {
                let millis = options::unsigned(value)?;
                self.update(|state| state.settings.user_timeout = millis);
            }
            raw::TCP_DEFER_ACCEPT => self.state.lock().defer_accept = options::int(value)?,
            raw::TCP_QUICKACK => self.state.lock().quick_ack = options::int(value)? != 0,
            raw::TCP_FASTOPEN => self.state.lock().fast_open = options::int(value)?,
            raw::TCP_CONGESTION if value.starts_with(b"reno") => {}
            raw::TCP_CONGESTION => return Err(Errno::ENOENT),
            raw::TCP_MAXSEG
            | raw::TCP_SYNCNT
            | raw::TCP_LINGER2
            | raw::TCP_WINDOW_CLAMP
            | raw::TCP_NOTSENT_LOWAT
            | raw::TCP_THIN_LINEAR_TIMEOUTS
            | raw::TCP_FASTOPEN_CONNECT => {
                options::int(value)?;
            }
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }
}

impl Endpoint for TcpSocket {
    fn identity(&self) -> (u32, u32, u32) {
        (self.state().inet.family, raw::SOCK_STREAM, options::IPPROTO_TCP)
    }

    fn bind(&self, address: &Address) -> Result<()> {
        self.bind_to(address.socket_addr(self.state().inet.family)?)
    }

    fn listen(&self, backlog: usize) -> Result<()> {
        let state = self.state();
        match state.role {
            Role::Listener(id) => {
                with_stack(|stack| stack.update_listener(id, Some(backlog), state.settings));
                return Ok(());
            }
            Role::Connection { .. } => return Err(Errno::EINVAL),
            Role::Fresh => {}
        }
        let state = self.bind_if_unbound()?;
        let binding = state.binding.ok_or(Errno::EINVAL)?;
        let id = with_stack(|stack| {
            stack.ports.listen(binding)?;
            let local = (state.inet.bound(state.local.ip()), state.local.port());
            Ok(stack.listen(local, backlog, state.settings, &self.queue))
        })?;
        self.state.lock().role = Role::Listener(id);
        Ok(())
    }

    fn accept(&self) -> Result<(Box<dyn Endpoint>, Address)> {
        let state = self.state();
        let Role::Listener(listener) = state.role else {
            return Err(Errno::EINVAL);
        };
        // Looking first saves making a queue for nothing; programs accept until `EAGAIN`.
        if !with_stack(|stack| stack.can_accept(listener)) {
            return Err(Errno::EAGAIN);
        }
        let queue = Arc::new(WaitQueue::new());
        let (id, flow) = with_stack(|stack| stack.accept(listener, &queue))?;
        let accepted = State {
            role: Role::Connection { id, reported: true },
            local: flow.local(),
            peer: Some(flow.remote()),
            binding: None,
            ..state
        };
        let socket = Self {
            queue,
            state: Lock::new(accepted),
        };
        Ok((Box::new(socket), state.inet.show(flow.remote())))
    }

    fn connect(&self, address: &Address) -> Result<Progress> {
        let state = self.state();
        match state.role {
            Role::Fresh => {}
            Role::Listener(_) => return Err(Errno::EISCONN),
            Role::Connection { reported: true, .. } => return Err(Errno::EISCONN),
            Role::Connection { .. } => match self.connected() {
                Err(Errno::EAGAIN) => return Err(Errno::EALREADY),
                Ok(()) => return Ok(Progress::Done),
                Err(errno) => return Err(errno),
            },
        }
        if matches!(address, Address::Inet(_)) && state.inet.family == raw::AF_INET6 {
            return Err(Errno::EINVAL);
        }
        let remote = state.inet.read(address)?;
        if remote.port() == 0 {
            return Err(Errno::ECONNREFUSED);
        }
        if remote.ip().is_multicast() || matches!(remote.ip(), IpAddr::V4(ip) if ip.is_broadcast()) {
            return Err(Errno::ENETUNREACH);
        }
        let id = with_stack(|stack| {
            let mut settings = state.settings;
            settings.hop_limit = state.inet.hop_limit(remote.is_ipv4());
            let id = stack.connect(state.local, remote, settings, &self.queue)?;
            let flow = stack.connections.get(id).map(|connection| connection.flow);
            Ok((id, flow))
        })?;
        let mut state = self.state.lock();
        state.role = Role::Connection {
            id: id.0,
            reported: false,
        };
        if let Some(flow) = id.1 {
            (state.local, state.peer) = (flow.local(), Some(flow.remote()));
        }
        Ok(Progress::Started)
    }

    fn connected(&self) -> Result<()> {
        let Role::Connection { id, reported } = self.state().role else {
            return Err(Errno::ENOTCONN);
        };
        if reported {
            return Ok(());
        }
        let result = with_stack(|stack| {
            let connection = stack.connections.get_mut(id).ok_or(Errno::ECONNABORTED)?;
            match connection.error.take() {
                _ if connection.connecting => Err(Errno::EAGAIN),
                Some(error) => Err(error),
                None if connection.done => Err(Errno::ECONNABORTED),
                None => Ok(()),
            }
        });
        match result {
            Ok(()) => self.state.lock().role = Role::Connection { id, reported: true },
            Err(Errno::EAGAIN) => {}
            Err(_) => {
                // As fresh, to try again; the port stays if the program bound it.
                let mut state = self.state.lock();
                state.role = Role::Fresh;
                state.peer = None;
                if state.binding.is_none() {
                    state.local = state.inet.unnamed();
                }
                drop(state);
                with_stack(|stack| stack.close(id, true));
            }
        }
        result
    }

    fn send(&self, parts: &[&[u8]], with: &Outgoing<'_>) -> Result<usize> {
        let Some(id) = self.connection() else {
            return Err(Errno::EPIPE);
        };
        with_stack(|stack| stack.send(id, parts, with.more))
    }

    fn recv(&self, parts: &mut [&mut [u8]], peek: bool) -> Result<Message> {
        let Some(id) = self.connection() else {
            return Err(Errno::ENOTCONN);
        };
        let copied = with_stack(|stack| stack.recv(id, parts, peek, 0))?;
        Ok(Message::bytes(copied))
    }

    fn discard(&self, len: usize) -> Result<usize> {
        let Some(id) = self.connection() else {
            return Err(Errno::ENOTCONN);
        };
        with_stack(|stack| stack.recv(id, &mut [], false, len))
    }

    fn shutdown(&self, read: bool, write: bool) -> Result<()> {
        match self.state().role {
            Role::Fresh => Err(Errno::ENOTCONN),
            Role::Connection { id, .. } => with_stack(|stack| stack.shutdown(id, read, write)),
            // Linux stops listening then; so do programs that want to end their accept loop.
            Role::Listener(id) if read => {
                self.state.lock().role = Role::Fresh;
                with_stack(|stack| stack.close_listener(id));
                self.queue.wake_all();
                Ok(())
            }
            Role::Listener(_) => Ok(()),
        }
    }

    fn name(&self) -> Address {
        let state = self.state();
        state.inet.show(state.local)
    }

    fn peer(&self) -> Result<Address> {
        let state = self.state();
        let Role::Connection { id, .. } = state.role else {
            return Err(Errno::ENOTCONN);
        };
        let connected = with_stack(|stack| {
            stack
                .connections
                .get(id)
                .is_some_and(|connection| !connection.connecting && !connection.done)
        });
        state
            .peer
            .filter(|_| connected)
            .map(|peer| state.inet.show(peer))
            .ok_or(Errno::ENOTCONN)
    }

    fn get_option(&self, level: u32, name: u32) -> Result<Value> {
        let state = self.state();
        Ok(match (level, name) {
            (options::IPPROTO_TCP, name) => return self.get_tcp_option(name),
            (raw::SOL_SOCKET, raw::SO_ERROR) => {
                Value::Int(self.take_error().map_or(0, |errno| i32::from(errno.0)))
            }
            (raw::SOL_SOCKET, raw::SO_REUSEADDR) => Value::flag(state.reuse.address),
            (raw::SOL_SOCKET, raw::SO_REUSEPORT) => Value::flag(state.reuse.port),
            (raw::SOL_SOCKET, raw::SO_KEEPALIVE) => Value::flag(state.settings.keep_alive),
            (raw::SOL_SOCKET, raw::SO_BROADCAST) => Value::flag(state.broadcast),
            (raw::SOL_SOCKET, raw::SO_ACCEPTCONN) => Value::flag(matches!(state.role, Role::Listener(_))),
            // Doubled, as `socket(7)` says.
            (raw::SOL_SOCKET, raw::SO_SNDBUF) => Value::Int(state.settings.send_buffer as i32 * 2),
            (raw::SOL_SOCKET, raw::SO_RCVBUF) => Value::Int(state.settings.receive_buffer as i32 * 2),
            (raw::SOL_SOCKET, raw::SO_LINGER) => {
                let mut bytes = i32::from(state.linger.0).to_ne_bytes().to_vec();
                bytes.extend_from_slice(&state.linger.1.to_ne_bytes());
                Value::Bytes(bytes)
            }
            (options::IPPROTO_IP | options::IPPROTO_IPV6, name) => {
                let mtu = || with_stack(|stack| stack.mtu_of(self.connection()?));
                return state.inet.get_option(level, name, mtu);
            }
            (raw::SOL_SOCKET, raw::SO_TIMESTAMP_OLD | raw::SO_TIMESTAMPNS_OLD) => {
                Value::flag(state.timestamp.answers(name))
            }
            _ => return Err(Errno::ENOPROTOOPT),
        })
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result<()> {
        let state = self.state();
        let buffer = || Ok(options::unsigned(value)?.clamp(BUFFER_LIMITS.0, BUFFER_LIMITS.1) as usize);
        match (level, name) {
            (options::IPPROTO_TCP, name) => return self.set_tcp_option(name, value),
            (raw::SOL_SOCKET, raw::SO_REUSEADDR) => {
                self.state.lock().reuse.address = options::int(value)? != 0
            }
            (raw::SOL_SOCKET, raw::SO_REUSEPORT) => self.state.lock().reuse.port = options::int(value)? != 0,
            (raw::SOL_SOCKET, raw::SO_BROADCAST) => self.state.lock().broadcast = options::int(value)? != 0,
            (raw::SOL_SOCKET, raw::SO_KEEPALIVE) => {
                let on = options::int(value)? != 0;
                self.update(|state| state.settings.keep_alive = on);
            }
            // For connections made from now on: smoltcp's buffers do not grow.
            (raw::SOL_SOCKET, raw::SO_SNDBUF | raw::SO_SNDBUFFORCE) => {
                let bytes = buffer()?;
                self.update(|state| state.settings.send_buffer = bytes);
            }
            (raw::SOL_SOCKET, raw::SO_RCVBUF | raw::SO_RCVBUFFORCE) => {
                let bytes = buffer()?;
                self.update(|state| state.settings.receive_buffer = bytes);
            }
            (raw::SOL_SOCKET, raw::SO_LINGER) => {
                let on = options::int(value)? != 0;
                let seconds = options::unsigned(value.get(4..).ok_or(Errno::EINVAL)?)?;
                self.state.lock().linger = (on, seconds);
            }
            (options::IPPROTO_IP | options::IPPROTO_IPV6, name) => {
                let bound = state.binding.is_some() || state.role != Role::Fresh;
                let mut inet = state.inet;
                inet.set_option(level, name, value, bound)?;
                let v4 = state.peer.is_none_or(|peer| peer.is_ipv4());
                self.update(|state| {
                    state.inet = inet;
                    state.settings.hop_limit = inet.hop_limit(v4);
                });
            }
            (raw::SOL_SOCKET, raw::SO_TIMESTAMP_OLD | raw::SO_TIMESTAMPNS_OLD) => {
                let on = options::int(value)? != 0;
                let mut state = self.state.lock();
                state.timestamp = state.timestamp.set(name, on);
            }
            (raw::SOL_SOCKET, raw::SO_BINDTODEVICE) => interface::bind_to_device(value)?,
            _ => return Err(Errno::ENOPROTOOPT),
        }
        Ok(())
    }

    fn poll(&self) -> Poll {
        match self.state().role {
            // As Linux's `tcp_poll` for a closed socket.
            Role::Fresh => Poll::OUT | Poll::HUP,
            Role::Listener(id) => {
                if with_stack(|stack| stack.can_accept(id)) {
                    Poll::IN
                } else {
                    Poll::empty()
                }
            }
            Role::Connection { id, .. } => with_stack(|stack| stack.readiness(id)),
        }
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn queued(&self) -> Result<(usize, usize)> {
        match self.state().role {
            Role::Fresh => Ok((0, 0)),
            Role::Listener(_) => Err(Errno::EINVAL),
            Role::Connection { id, .. } => Ok(with_stack(|stack| stack.queued(id))),
        }
    }

    fn close(&self) {
        let state = {
            let mut state = self.state.lock();
            let before = *state;
            state.role = Role::Fresh;
            state.binding = None;
            before
        };
        with_stack(|stack| {
            match state.role {
                Role::Fresh => {}
                Role::Listener(id) => stack.close_listener(id),
                Role::Connection { id, .. } => stack.close(id, state.linger == (true, 0)),
            }
            if let Some(binding) = state.binding {
                stack.ports.release(binding);
            }
        });
    }
}
