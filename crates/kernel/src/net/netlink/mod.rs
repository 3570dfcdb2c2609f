//! `AF_NETLINK` (`netlink(7)`) as far as programs ask it which interfaces, addresses and routes there are (`rtnetlink(7)`, `getifaddrs(3)`).
//!
//! A request is answered while it is sent: the answers wait in the socket. Nothing ever changes, so groups may be joined and stay silent.

mod message;
mod route;

use super::{
    address::Address,
    options::{self, Value},
    socket::{Endpoint, Message, Outgoing, Progress},
};
use crate::{
    errno::{Errno, Result},
    file::Poll,
    process::PID,
    sync::Lock,
    wait::WaitQueue,
};
use alloc::{collections::VecDeque, vec::Vec};
use core::sync::atomic::{AtomicU32, Ordering};
use linux_raw_sys::net as raw;

/// The one protocol of the family (`netlink(7)`).
pub(super) const NETLINK_ROUTE: u32 = 0;
/// Level of the family's own options.
const SOL_NETLINK: u32 = 270;
/// Bytes of answers that may wait (`net.core.rmem_default`).
const CAPACITY: usize = 212_992;
/// Longest request.
const REQUEST_MAX: usize = 65_536;

#[derive(Debug, Default)]
struct State {
    /// The socket's port, once it has one.
    port: Option<u32>,
    groups: u32,
    answers: VecDeque<Vec<u8>>,
    used: usize,
    /// Answers were lost for want of room.
    overrun: bool,
}

/// See the [module's documentation](self).
pub(super) struct NetlinkSocket {
    kind: u32,
    queue: WaitQueue,
    state: Lock<State>,
}

impl NetlinkSocket {
    /// A socket without a port.
    pub(super) fn new(kind: u32) -> Self {
        Self {
            kind,
            queue: WaitQueue::new(),
            state: Lock::new(State::default()),
        }
    }

    /// The socket's port, given now if need be: the first socket gets the process number, as on Linux.
    fn port(&self) -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(PID as u32);
        let mut state = self.state.lock();
        *state
            .port
            .get_or_insert_with(|| match NEXT.fetch_sub(1, Ordering::Relaxed) {
                // Others count down from the top; 0 is the kernel's.
                0 => NEXT.fetch_sub(1, Ordering::Relaxed),
                port => port,
            })
    }
}

impl Endpoint for NetlinkSocket {
    fn identity(&self) -> (u32, u32, u32) {
        (raw::AF_NETLINK, self.kind, NETLINK_ROUTE)
    }

    fn bind(&self, address: &Address) -> Result<()> {
        let Address::Netlink(port, groups) = *address else {
            return Err(Errno::EINVAL);
        };
        if port != 0 {
            let mut state = self.state.lock();
            if state.port.is_some_and(|own| own != port) {
                return Err(Errno::EINVAL);
            }
            state.port = Some(port);
        }
        self.port();
        self.state.lock().groups = groups;
        Ok(())
    }

    fn connect(&self, address: &Address) -> Result<Progress> {
        match address {
            Address::Unspecified => Ok(Progress::Done),
            Address::Netlink(..) => {
                self.port();
                Ok(Progress::Done)
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn send(&self, parts: &[&[u8]], with: &Outgoing<'_>) -> Result<usize> {
        match with.to {
            None | Some(Address::Netlink(0, _)) => {}
            Some(Address::Netlink(..)) => return Err(Errno::ECONNREFUSED),
            Some(_) => return Err(Errno::EINVAL),
        }
        let request = parts.concat();
        if request.len() > REQUEST_MAX {
            return Err(Errno::EMSGSIZE);
        }
        let answers = message::answer(&request, self.port());
        {
            let mut state = self.state.lock();
            for answer in answers {
                if state.used + answer.len() > CAPACITY {
                    state.overrun = true;
                    break;
                }
                state.used += answer.len();
                state.answers.push_back(answer);
            }
        }
        self.queue.wake_all();
        Ok(request.len())
    }

    fn recv(&self, parts: &mut [&mut [u8]], peek: bool) -> Result<Message> {
        let mut state = self.state.lock();
        let Some(answer) = state.answers.front() else {
            let overrun = core::mem::take(&mut state.overrun);
            return Err(if overrun { Errno::ENOBUFS } else { Errno::EAGAIN });
        };
        let mut rest = &answer[..];
        for part in parts {
            let (head, tail) = rest.split_at(part.len().min(rest.len()));
            part[..head.len()].copy_from_slice(head);
            rest = tail;
        }
        let len = answer.len();
        let copied = len - rest.len();
        if !peek {
            state.answers.pop_front();
            state.used -= len;
        }
        Ok(Message {
            copied,
            len,
            from: Some(Address::Netlink(0, 0)),
            control: Vec::new(),
        })
    }

    fn shutdown(&self, _read: bool, _write: bool) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    fn name(&self) -> Address {
        let state = self.state.lock();
        Address::Netlink(state.port.unwrap_or(0), state.groups)
    }

    fn peer(&self) -> Result<Address> {
        Ok(Address::Netlink(0, 0))
    }

    fn get_option(&self, level: u32, name: u32) -> Result<Value> {
        match (level, name) {
            (raw::SOL_SOCKET, raw::SO_SNDBUF | raw::SO_RCVBUF) => Ok(Value::Int(CAPACITY as i32)),
            (raw::SOL_SOCKET, raw::SO_ERROR | raw::SO_ACCEPTCONN | raw::SO_REUSEADDR | raw::SO_PASSCRED) => {
                Ok(Value::Int(0))
            }
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn set_option(&self, level: u32, name: u32, value: &[u8]) -> Result<()> {
        match (level, name) {
            (
                raw::SOL_SOCKET,
                raw::SO_SNDBUF | raw::SO_RCVBUF | raw::SO_SNDBUFFORCE | raw::SO_RCVBUFFORCE | raw::SO_REUSEADDR,
            )
            // Groups, reports of loss, extended acknowledgements and strict checks: nothing here depends on them.
            | (SOL_NETLINK, 1..=5 | 10..=12) => options::int(value).map(|_| ()),
            _ => Err(Errno::ENOPROTOOPT),
        }
    }

    fn poll(&self) -> Poll {
        let state = self.state.lock();
        let mut ready = Poll::OUT;
        ready.set(Poll::IN, !state.answers.is_empty());
        ready.set(Poll::ERR, state.overrun);
        ready
    }

    fn queue(&self) -> &WaitQueue {
        &self.queue
    }

    fn queued(&self) -> Result<(usize, usize)> {
        Err(Errno::ENOTTY)
    }

    fn close(&self) {}
}
