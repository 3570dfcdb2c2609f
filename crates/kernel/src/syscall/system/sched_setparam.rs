//! `sched_setparam`, `sched_getparam`.

use super::{
    common::{check_thread, wishes},
    sched_get_priority_max::range,
};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

pub(super) fn sched_setparam(args: &Args) -> Result<usize> {
    let priority = args.ptr::<i32>(1).non_null().ok_or(Errno::EINVAL)?.read()?;
    check_thread(args.int(0))?;
    let mut wishes = wishes().lock();
    let (min, max) = range(wishes.policy)?;
    if !(min..=max).contains(&priority) {
        return Err(Errno::EINVAL);
    }
    wishes.priority = priority;
    Ok(0)
}

pub(super) fn sched_getparam(args: &Args) -> Result<usize> {
    let target = args.ptr::<i32>(1).non_null().ok_or(Errno::EINVAL)?;
    check_thread(args.int(0))?;
    let priority = wishes().lock().priority;
    target.write(priority)?;
    Ok(0)
}
