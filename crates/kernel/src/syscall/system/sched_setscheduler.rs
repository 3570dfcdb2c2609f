//! `sched_setscheduler`, `sched_getscheduler`.

use super::{
    common::{check_thread, wishes},
    sched_get_priority_max::range,
};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general::SCHED_RESET_ON_FORK;

pub(super) fn sched_setscheduler(args: &Args) -> Result<usize> {
    let priority = args.ptr::<i32>(2).non_null().ok_or(Errno::EINVAL)?.read()?;
    let policy = args.uint(1) & !SCHED_RESET_ON_FORK;
    check_thread(args.int(0))?;
    let (min, max) = range(policy)?;
    if !(min..=max).contains(&priority) {
        return Err(Errno::EINVAL);
    }
    let mut wishes = wishes().lock();
    (wishes.policy, wishes.priority) = (policy, priority);
    Ok(0)
}

pub(super) fn sched_getscheduler(args: &Args) -> Result<usize> {
    check_thread(args.int(0))?;
    Ok(wishes().lock().policy as usize)
}
