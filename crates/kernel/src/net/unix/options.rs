//! `getsockopt(2)` and `setsockopt(2)` of Unix-domain sockets (`unix(7)`, `socket(7)`).

use super::{End, inbox::CAPACITY};
use crate::{
    errno::{Errno, Result},
    net::{
        control::Credentials,
        options::{self, Value},
    },
};
use linux_raw_sys::net as raw;

/// An option's value.
pub(super) fn get(end: &End, level: u32, name: u32) -> Result<Value> {
    if level != raw::SOL_SOCKET {
        return Err(Errno::EOPNOTSUPP);
    }
    Ok(match name {
        raw::SO_ERROR => Value::Int(end.take_error().map_or(0, |errno| i32::from(errno.0))),
        raw::SO_SNDBUF | raw::SO_RCVBUF => Value::Int(CAPACITY as i32),
        raw::SO_ACCEPTCONN => Value::flag(end.state.lock().listening.is_some()),
        raw::SO_PASSCRED => Value::flag(end.state.lock().pass_credentials),
        raw::SO_REUSEADDR | raw::SO_REUSEPORT | raw::SO_KEEPALIVE | raw::SO_BROADCAST => Value::Int(0),
        raw::SO_LINGER => Value::Bytes(alloc::vec![0; 8]),
        // `struct ucred`: there is one process, and it is root.
        raw::SO_PEERCRED => {
            let state = end.state.lock();
            let known = state.connected && !end.is_datagram() || state.listening.is_some();
            let paired = state.connected && state.peer_name.is_empty() && state.name.is_none();
            let credentials = if known || paired {
                Credentials::OWN
            } else {
                Credentials::NO_PEER
            };
            Value::Bytes(credentials.to_bytes().to_vec())
        }
        raw::SO_PEERGROUPS if end.state.lock().connected => Value::Bytes(alloc::vec![]),
        raw::SO_PEERGROUPS => return Err(Errno::ENODATA),
        _ => return Err(Errno::ENOPROTOOPT),
    })
}

/// Sets an option.
pub(super) fn set(end: &End, level: u32, name: u32, value: &[u8]) -> Result<()> {
    match (level, name) {
        (raw::SOL_SOCKET, raw::SO_PASSCRED) => {
            end.state.lock().pass_credentials = options::int(value)? != 0;
            Ok(())
        }
        (
            raw::SOL_SOCKET,
            raw::SO_SNDBUF
            | raw::SO_RCVBUF
            | raw::SO_SNDBUFFORCE
            | raw::SO_RCVBUFFORCE
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
