//! `epoll_ctl`.

use crate::{
    errno::{Errno, Result},
    event::epoll::{Epoll, Interest},
    process,
    syscall::Args,
};
use linux_raw_sys::general::{EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, epoll_event};

pub(super) fn epoll_ctl(args: &Args) -> Result<usize> {
    let (operation, fd) = (args.uint(1), args.int(2));
    let interest = if operation == EPOLL_CTL_DEL {
        Interest { events: 0, data: 0 }
    } else {
        let event = args.ptr::<epoll_event>(3).read()?;
        Interest {
            events: event.events,
            data: event.data,
        }
    };
    let epoll = process::open_file(args.int(0))?;
    let target = process::open_file(fd)?;
    // The target is judged before the instance, as in Linux: a file that cannot be watched is EPERM whoever asks.
    if target.file.queue().is_none() {
        return Err(Errno::EPERM);
    }
    let epoll = epoll.file.as_any().downcast_ref::<Epoll>().ok_or(Errno::EINVAL)?;
    match operation {
        EPOLL_CTL_ADD => epoll.add(fd, &target, interest)?,
        EPOLL_CTL_MOD => epoll.modify(fd, &target, interest)?,
        EPOLL_CTL_DEL => epoll.remove(fd, &target)?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
