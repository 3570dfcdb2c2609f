//! `sched_setscheduler`, `sched_getscheduler`.

use super::{
    common::{set_wishes, thread},
    sched_get_priority_max::check_priority,
};
use crate::{
    errno::{Errno, Result},
    sched::Wishes,
    syscall::Args,
};
use linux_raw_sys::general::{SCHED_DEADLINE, SCHED_RESET_ON_FORK};

pub(super) fn sched_setscheduler(args: &Args) -> Result<usize> {
    let priority = args.ptr::<i32>(2).non_null().ok_or(Errno::EINVAL)?.read()?;
    let policy = args.uint(1) & !SCHED_RESET_ON_FORK;
    let thread = thread(args.int(0))?;
    let priority = check_priority(policy, priority)?;
    // A deadline needs parameters that this call has no place for.
    if policy == SCHED_DEADLINE {
        return Err(Errno::EINVAL);
    }
    let wishes = Wishes {
        policy,
        priority,
        reset_on_fork: args.uint(1) & SCHED_RESET_ON_FORK != 0,
        ..thread.wishes()
    };
    set_wishes(&thread, wishes)?;
    Ok(0)
}

pub(super) fn sched_getscheduler(args: &Args) -> Result<usize> {
    let wishes = thread(args.int(0))?.wishes();
    let flag = if wishes.reset_on_fork {
        SCHED_RESET_ON_FORK
    } else {
        0
    };
    Ok((wishes.policy | flag) as usize)
}
