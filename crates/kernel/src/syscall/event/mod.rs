//! Waiting for events.

use super::{Row, Support::*};
use linux_raw_sys::general::*;

mod common;
mod epoll_create;
mod epoll_ctl;
mod epoll_wait;
mod eventfd;
mod pipe;
mod poll;
mod select;
mod signalfd;
mod timerfd_create;

const CANCEL: &str = "nobody sets the clock, so TFD_TIMER_CANCEL_ON_SET never cancels";

/// The family's rows.
pub const ROWS: &[Row] = &[
    Row::new(
        __NR_epoll_create,
        "epoll_create",
        epoll_create::epoll_create,
        Full,
    ),
    Row::new(
        __NR_epoll_create1,
        "epoll_create",
        epoll_create::epoll_create1,
        Full,
    ),
    Row::new(__NR_epoll_ctl, "epoll_ctl", epoll_ctl::epoll_ctl, Full),
    Row::new(__NR_epoll_wait, "epoll_wait", epoll_wait::epoll_wait, Full),
    Row::new(__NR_epoll_pwait, "epoll_wait", epoll_wait::epoll_pwait, Full),
    Row::new(__NR_epoll_pwait2, "epoll_wait", epoll_wait::epoll_pwait2, Full),
    Row::new(__NR_eventfd, "eventfd", eventfd::eventfd, Full),
    Row::new(__NR_eventfd2, "eventfd", eventfd::eventfd2, Full),
    Row::new(__NR_pipe, "pipe", pipe::pipe, Full),
    Row::new(
        __NR_pipe2,
        "pipe",
        pipe::pipe2,
        Partial("O_NOTIFICATION_PIPE is refused with EINVAL"),
    ),
    Row::new(__NR_poll, "poll", poll::poll, Full),
    Row::new(__NR_ppoll, "poll", poll::ppoll, Full),
    Row::new(__NR_select, "select", select::select, Full),
    Row::new(__NR_pselect6, "select", select::pselect6, Full),
    Row::new(__NR_signalfd, "signalfd", signalfd::signalfd, Full),
    Row::new(__NR_signalfd4, "signalfd", signalfd::signalfd4, Full),
    Row::new(
        __NR_timerfd_create,
        "timerfd_create",
        timerfd_create::timerfd_create,
        Full,
    ),
    Row::new(
        __NR_timerfd_settime,
        "timerfd_create",
        timerfd_create::timerfd_settime,
        Partial(CANCEL),
    ),
    Row::new(
        __NR_timerfd_gettime,
        "timerfd_create",
        timerfd_create::timerfd_gettime,
        Full,
    ),
];

#[cfg(test)]
pub(super) mod tests;
