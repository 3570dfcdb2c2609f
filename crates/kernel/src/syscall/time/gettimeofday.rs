//! `gettimeofday`, `settimeofday`. Programs usually come by the vDSO instead ([`crate::vdso`]).

use super::common::timeval;
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general::__kernel_old_timeval;

pub(super) fn gettimeofday(args: &Args) -> Result<usize> {
    args.ptr::<__kernel_old_timeval>(0)
        .write_if_some(timeval(crate::time::realtime()))?;
    // The time zone, which is UTC.
    args.ptr::<[i32; 2]>(1).write_if_some([0; 2])?;
    Ok(0)
}

pub(super) fn settimeofday(_: &Args) -> Result<usize> {
    Err(Errno::EPERM)
}
