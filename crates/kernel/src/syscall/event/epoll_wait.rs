//! `epoll_wait`, `epoll_pwait`, `epoll_pwait2`.

use super::common::{Timeout, with_mask};
use crate::{
    errno::{Errno, Result},
    event::epoll::{Epoll, Interest},
    file::File,
    process,
    syscall::Args,
    user::UserPtr,
    wait::{Interrupted, wait_until},
};
use linux_raw_sys::general::{__kernel_timespec, epoll_event};

pub(super) fn epoll_wait(args: &Args) -> Result<usize> {
    wait(args, Timeout::from_millis(args.int(3)))
}

pub(super) fn epoll_pwait(args: &Args) -> Result<usize> {
    let timeout = Timeout::from_millis(args.int(3));
    with_mask(args.ptr(4), args.size(5), || wait(args, timeout))
}

pub(super) fn epoll_pwait2(args: &Args) -> Result<usize> {
    let timeout = Timeout::from_timespec(args.ptr::<__kernel_timespec>(3))?;
    with_mask(args.ptr(4), args.size(5), || wait(args, timeout))
}

/// The most events of one call (`EP_MAX_EVENTS` in Linux).
const MAX_EVENTS: usize = i32::MAX as usize / size_of::<epoll_event>();

fn wait(args: &Args, timeout: Timeout) -> Result<usize> {
    let max = usize::try_from(args.int(2))
        .ok()
        .filter(|max| (1..=MAX_EVENTS).contains(max))
        .ok_or(Errno::EINVAL)?;
    let target: UserPtr<epoll_event> = args.ptr(1);
    let open = process::open_file(args.int(0))?;
    let epoll = open.file.as_any().downcast_ref::<Epoll>().ok_or(Errno::EINVAL)?;
    let collect = || {
        let write = |index, event: Interest| {
            target.at(index).write(epoll_event {
                events: event.events,
                data: event.data,
            })
        };
        match epoll.collect(max, write) {
            Ok(0) => None,
            done => Some(done),
        }
    };
    if timeout == Timeout::None {
        return collect().unwrap_or(Ok(0));
    }
    match wait_until(epoll.queue().as_slice(), timeout.deadline(), collect) {
        Ok(result) => result,
        Err(Interrupted::TimedOut) => Ok(0),
        Err(Interrupted::Signal) => Err(Errno::ERESTARTNOHAND),
    }
}
