//! `timer_settime`, `timer_gettime`.

use super::common::{deadline, from_itimerspec, itimerspec};
use crate::{
    errno::{Errno, Result},
    signal::timers::{self, Timebase},
    syscall::Args,
    time::Instant,
};
use linux_raw_sys::general::{__kernel_itimerspec, TIMER_ABSTIME};

/// `ns` from now, or on the clock itself.
fn deadline_on(base: Timebase, absolute: bool, ns: u64) -> Instant {
    match base {
        Timebase::Cpu(_) if absolute => Instant(ns),
        Timebase::Cpu(_) => Instant(base.now().0.saturating_add(ns)),
        _ => deadline(base == Timebase::Realtime, absolute, ns),
    }
}

pub(super) fn timer_settime(args: &Args) -> Result<usize> {
    let new = args
        .ptr::<__kernel_itimerspec>(2)
        .non_null()
        .ok_or(Errno::EINVAL)?
        .read()?;
    let timer = timers::get(args.int(0))?;
    let absolute = args.uint(1) & TIMER_ABSTIME != 0;
    let (first, interval) = from_itimerspec(new, |ns| deadline_on(timer.base, absolute, ns))?;
    let before = timer.set(first, interval);
    args.ptr::<__kernel_itimerspec>(3)
        .write_if_some(itimerspec(before))?;
    Ok(0)
}

pub(super) fn timer_gettime(args: &Args) -> Result<usize> {
    let setting = timers::get(args.int(0))?.get();
    args.ptr::<__kernel_itimerspec>(1).write(itimerspec(setting))?;
    Ok(0)
}
