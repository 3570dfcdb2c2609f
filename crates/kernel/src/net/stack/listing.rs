//! Lists of what there is, for `/proc/net`.

use super::{Connection, Stack};
use crate::net::ports::Bound;
use alloc::vec::Vec;
use core::net::SocketAddr;
use smoltcp::socket::tcp::State;

/// `TCP_ESTABLISHED`, `TCP_CLOSE` and `TCP_LISTEN` (`linux/tcp_states.h`), which UDP's table uses, too.
const ESTABLISHED: u8 = 1;
const CLOSE: u8 = 7;
const LISTEN: u8 = 10;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::net) struct Listed {
    pub(in crate::net) local: SocketAddr,
    pub(in crate::net) remote: Option<SocketAddr>,
    /// Belongs into the table of IPv6.
    pub(in crate::net) v6: bool,
    /// As in `linux/tcp_states.h`.
    pub(in crate::net) state: u8,
    /// Bytes; of a listener, connections.
    pub(in crate::net) send_queue: usize,
    pub(in crate::net) receive_queue: usize,
}

/// `TCP_ESTABLISHED` and so on (`linux/tcp_states.h`).
pub(in crate::net) fn state_number(state: State) -> u8 {
    match state {
        State::Established => ESTABLISHED,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => CLOSE,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Listen => LISTEN,
        State::Closing => 11,
    }
}

fn row(bound: Bound, port: u16, state: u8) -> Listed {
    Listed {
        local: SocketAddr::new(bound.ip, port),
        remote: None,
        v6: bound.ip.is_ipv6(),
        state,
        send_queue: 0,
        receive_queue: 0,
    }
}

impl Stack {
    /// Listeners, then connections.
    pub(in crate::net) fn list_tcp(&mut self) -> Vec<Listed> {
        let listeners = self.listeners.iter().map(|(_, listener)| {
            let (bound, port, waiting) = listener.listed();
            Listed {
                receive_queue: waiting,
                ..row(bound, port, LISTEN)
            }
        });
        let mut all: Vec<Listed> = listeners.collect();
        all.extend(
            self.connections
                .iter_mut()
                .map(|(_, connection)| listed(connection)),
        );
        all
    }

    /// UDP sockets.
    pub(in crate::net) fn list_udp(&mut self) -> Vec<Listed> {
        let all = self.datagrams.iter().map(|(_, datagrams)| {
            let state = if datagrams.peer.is_some() {
                ESTABLISHED
            } else {
                CLOSE
            };
            let (port, waiting) = datagrams.listed();
            Listed {
                remote: datagrams.peer,
                receive_queue: waiting,
                ..row(datagrams.local, port, state)
            }
        });
        all.collect()
    }
}

fn listed(connection: &mut Connection) -> Listed {
    let flow = connection.flow;
    let socket = connection.tcp();
    Listed {
        local: flow.local(),
        remote: Some(flow.remote()),
        v6: flow.local.is_ipv6(),
        state: state_number(socket.state()),
        send_queue: socket.send_queue(),
        receive_queue: socket.recv_queue(),
    }
}
