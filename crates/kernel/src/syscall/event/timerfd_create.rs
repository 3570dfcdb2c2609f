//! `timerfd_create`, `timerfd_settime`, `timerfd_gettime`.

use crate::{
    errno::{Errno, Result},
    event::timerfd::TimerFd,
    process,
    syscall::{
        Args,
        time::common::{deadline, from_itimerspec, itimerspec},
    },
};
use linux_raw_sys::general as raw;
use raw::__kernel_itimerspec;

pub(super) fn timerfd_create(args: &Args) -> Result<usize> {
    let realtime = match args.uint(0) {
        raw::CLOCK_REALTIME | raw::CLOCK_REALTIME_ALARM => true,
        raw::CLOCK_MONOTONIC | raw::CLOCK_BOOTTIME | raw::CLOCK_BOOTTIME_ALARM => false,
        _ => return Err(Errno::EINVAL),
    };
    let flags = args.uint(1);
    // The same bits as `O_CLOEXEC` and `O_NONBLOCK`.
    if flags & !(raw::TFD_CLOEXEC | raw::TFD_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    process::install(TimerFd::new(realtime), raw::O_RDWR | flags).map(|fd| fd as usize)
}

pub(super) fn timerfd_settime(args: &Args) -> Result<usize> {
    let flags = args.uint(1);
    let new = args.ptr::<__kernel_itimerspec>(2).read()?;
    if flags & !(raw::TFD_TIMER_ABSTIME | raw::TFD_TIMER_CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL);
    }
    process::with_file(args.int(0), Errno::EINVAL, |timer: &TimerFd, _| {
        let absolute = flags & raw::TFD_TIMER_ABSTIME != 0;
        let (first, interval) = from_itimerspec(new, |ns| deadline(timer.realtime, absolute, ns))?;
        let before = timer.set(first, interval);
        args.ptr::<__kernel_itimerspec>(3)
            .write_if_some(itimerspec(before))?;
        Ok(0)
    })
}

pub(super) fn timerfd_gettime(args: &Args) -> Result<usize> {
    process::with_file(args.int(0), Errno::EINVAL, |timer: &TimerFd, _| {
        args.ptr::<__kernel_itimerspec>(1)
            .write(itimerspec(timer.get()))?;
        Ok(0)
    })
}
