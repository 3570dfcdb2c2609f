//! `rt_sigtimedwait`: `sigwaitinfo(2)` and `sigtimedwait(2)`.

use super::common::check_size;
use crate::{
    errno::{Errno, Result},
    sched,
    signal::{
        self,
        info::{SigInfo, SigSet, UNSTOPPABLE},
    },
    syscall::{Args, time::common::nanoseconds},
    time,
    wait::{Interrupted, wait_until},
};
use core::time::Duration;
use linux_raw_sys::general::__kernel_timespec;

pub(super) fn rt_sigtimedwait(args: &Args) -> Result<usize> {
    check_size(args.size(3))?;
    let wanted = args.ptr::<SigSet>(0).read()? & !UNSTOPPABLE;
    let deadline = match args.ptr::<__kernel_timespec>(2).non_null() {
        Some(timeout) => Some(time::now() + Duration::from_nanos(nanoseconds(timeout.read()?)?)),
        None => None,
    };
    let thread = sched::current();
    let waited = wait_until(&[signal::arrivals()], deadline, || thread.signals.take(wanted));
    match waited {
        Ok(info) => {
            args.ptr::<SigInfo>(1).write_if_some(info)?;
            Ok(info.signo as usize)
        }
        Err(Interrupted::TimedOut) => Err(Errno::EAGAIN),
        // Never made again by itself (`signal(7)`).
        Err(Interrupted::Signal) => Err(Errno::EINTR),
    }
}
