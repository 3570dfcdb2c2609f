//! `clock_nanosleep`.

use super::{
    common::{Clock, deadline, nanoseconds},
    nanosleep::{sleep_for, sleep_until},
};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general::{__kernel_timespec, TIMER_ABSTIME};

pub(super) fn clock_nanosleep(args: &Args) -> Result<usize> {
    let clock = Clock::from_id(args.int(0))?;
    match clock {
        Clock::Realtime | Clock::Monotonic => {}
        Clock::Process => return Err(Errno::EOPNOTSUPP),
        Clock::Thread(_) => return Err(Errno::EINVAL),
    }
    let ns = nanoseconds(args.ptr::<__kernel_timespec>(2).read()?)?;
    if args.uint(1) & TIMER_ABSTIME != 0 {
        sleep_until(deadline(clock == Clock::Realtime, true, ns))
    } else {
        sleep_for(ns, args.ptr(3))
    }
}
