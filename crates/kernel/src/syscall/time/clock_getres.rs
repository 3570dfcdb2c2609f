//! `clock_gettime`, `clock_getres`, `clock_settime`. Programs usually come by the vDSO instead ([`crate::vdso`]).

use super::common::{Clock, nanoseconds, timespec};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general::__kernel_timespec;

pub(super) fn clock_gettime(args: &Args) -> Result<usize> {
    let clock = Clock::from_id(args.int(0))?;
    args.ptr::<__kernel_timespec>(1).write(timespec(clock.now()))?;
    Ok(0)
}

pub(super) fn clock_getres(args: &Args) -> Result<usize> {
    Clock::from_id(args.int(0))?;
    args.ptr::<__kernel_timespec>(1).write_if_some(timespec(1))?;
    Ok(0)
}

pub(super) fn clock_settime(args: &Args) -> Result<usize> {
    let clock = Clock::from_id(args.int(0))?;
    nanoseconds(args.ptr::<__kernel_timespec>(1).read()?)?;
    if clock == Clock::Realtime {
        Err(Errno::EPERM)
    } else {
        Err(Errno::EINVAL)
    }
}
