//! `sched_setattr`, `sched_getattr`.

use super::{
    common::{set_wishes, thread},
    sched_get_priority_max::check_priority,
};
use crate::{
    errno::{Errno, Result},
    sched::Wishes,
    syscall::Args,
};
use linux_raw_sys::general::SCHED_DEADLINE;

/// `struct sched_attr`, first version: size and policy, flags, nice and priority, runtime, deadline, period.
type SchedAttr = [u64; 6];

/// `SCHED_FLAG_RESET_ON_FORK`.
const RESET_ON_FORK: u64 = 1;

const SIZE: u32 = size_of::<SchedAttr>() as u32;

pub(super) fn sched_setattr(args: &Args) -> Result<usize> {
    if args.0[1] == 0 || args.uint(2) != 0 {
        return Err(Errno::EINVAL);
    }
    let attributes = args.ptr::<SchedAttr>(1);
    let [head, flags, levels, ..] = attributes.read()?;
    if (head as u32) != 0 && (head as u32) < SIZE {
        return Err(Errno::E2BIG);
    }
    let thread = thread(args.int(0))?;
    let (policy, nice, priority) = ((head >> 32) as u32, levels as i32, (levels >> 32) as i32);
    let priority = check_priority(policy, priority)?;
    if flags & !RESET_ON_FORK != 0 || policy == SCHED_DEADLINE {
        return Err(Errno::EINVAL);
    }
    let wishes = Wishes {
        policy,
        priority,
        nice: nice.clamp(-20, 19) as i8,
        reset_on_fork: flags != 0,
    };
    set_wishes(&thread, wishes)?;
    Ok(0)
}

pub(super) fn sched_getattr(args: &Args) -> Result<usize> {
    if args.0[1] == 0 || args.uint(2) < SIZE || args.uint(3) != 0 {
        return Err(Errno::EINVAL);
    }
    let wishes = thread(args.int(0))?.wishes();
    let head = u64::from(SIZE) | u64::from(wishes.policy) << 32;
    let flags = if wishes.reset_on_fork { RESET_ON_FORK } else { 0 };
    let levels = u64::from(i32::from(wishes.nice) as u32) | u64::from(wishes.priority) << 32;
    args.ptr::<SchedAttr>(1).write([head, flags, levels, 0, 0, 0])?;
    Ok(0)
}
