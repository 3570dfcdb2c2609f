//! Sockets.

use super::{Row, Support};
use crate::row;
use linux_raw_sys::general as raw;

mod accept;
mod bind;
mod common;
mod connect;
mod getpeername;
mod getsockname;
mod getsockopt;
mod listen;
mod recv;
mod recvmmsg;
mod send;
mod sendmmsg;
mod shutdown;
mod socket;
mod socketpair;

/// What `sendmsg` and `recvmsg` lack.
const CONTROL: Support =
    Support::Partial("IP_TOS and IPV6_TCLASS are accepted and not sent; no MSG_ERRQUEUE");

/// The family's rows.
pub const ROWS: &[Row] = &[
    row!(
        __NR_socket,
        socket,
        Partial("of netlink, what rtnetlink tells; no raw and packet sockets, no multicast groups")
    ),
    row!(__NR_socketpair, socketpair, Full),
    row!(__NR_bind, bind, Full),
    row!(__NR_listen, listen, Full),
    row!(__NR_accept, accept, Full),
    Row {
        number: raw::__NR_accept4,
        name: "accept",
        handler: accept::accept4,
        support: Support::Full,
    },
    row!(__NR_connect, connect, Full),
    row!(__NR_getsockname, getsockname, Full),
    row!(__NR_getpeername, getpeername, Full),
    Row {
        number: raw::__NR_sendto,
        name: "send",
        handler: send::sendto,
        support: Support::Full,
    },
    Row {
        number: raw::__NR_sendmsg,
        name: "send",
        handler: send::sendmsg,
        support: CONTROL,
    },
    row!(__NR_sendmmsg, sendmmsg, Partial("as sendmsg")),
    Row {
        number: raw::__NR_recvfrom,
        name: "recv",
        handler: recv::recvfrom,
        support: Support::Full,
    },
    Row {
        number: raw::__NR_recvmsg,
        name: "recv",
        handler: recv::recvmsg,
        support: CONTROL,
    },
    row!(__NR_recvmmsg, recvmmsg, Partial("as recvmsg")),
    row!(__NR_shutdown, shutdown, Full),
    row!(
        __NR_getsockopt,
        getsockopt,
        Partial("TCP_INFO gives state and segment size only")
    ),
    Row {
        number: raw::__NR_setsockopt,
        name: "getsockopt",
        handler: getsockopt::setsockopt,
        support: Support::Partial(
            "SO_SNDBUF and SO_RCVBUF work on connections made later; IP_TOS is only remembered",
        ),
    },
];

#[cfg(test)]
mod tests;
