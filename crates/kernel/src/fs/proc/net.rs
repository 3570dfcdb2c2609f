//! `/proc/net` (`proc_net(5)`).

use crate::{
    fs::table::{Entry, text},
    net::report,
};

/// What is in it.
pub(super) const ENTRIES: &[Entry] = &[
    text("dev", |_| report::dev()),
    text("if_inet6", |_| report::if_inet6()),
    text("route", |_| report::route()),
    text("tcp", |_| report::tcp(false)),
    text("tcp6", |_| report::tcp(true)),
    text("udp", |_| report::udp(false)),
    text("udp6", |_| report::udp(true)),
    text("unix", |_| report::unix()),
];
