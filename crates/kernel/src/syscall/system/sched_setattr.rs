//! `sched_setattr`, `sched_getattr`.

use super::{
    common::{check_thread, wishes},
    sched_get_priority_max::range,
};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// `struct sched_attr`, first version: size and policy, flags, nice and priority, runtime, deadline, period.
type SchedAttr = [u64; 6];

const SIZE: u32 = size_of::<SchedAttr>() as u32;

pub(super) fn sched_setattr(args: &Args) -> Result<usize> {
    if args.0[1] == 0 || args.uint(2) != 0 {
        return Err(Errno::EINVAL);
    }
    let attributes = args.ptr::<SchedAttr>(1);
    let [head, _, levels, ..] = attributes.read()?;
    if (head as u32) != 0 && (head as u32) < SIZE {
        return Err(Errno::E2BIG);
    }
    check_thread(args.int(0))?;
    let (policy, nice, priority) = ((head >> 32) as u32, levels as i32, (levels >> 32) as i32);
    let (min, max) = range(policy)?;
    if !(min..=max).contains(&priority) {
        return Err(Errno::EINVAL);
    }
    let mut wishes = wishes().lock();
    (wishes.policy, wishes.priority, wishes.nice) = (policy, priority, nice.clamp(-20, 19));
    Ok(0)
}

pub(super) fn sched_getattr(args: &Args) -> Result<usize> {
    if args.0[1] == 0 || args.uint(2) < SIZE || args.uint(3) != 0 {
        return Err(Errno::EINVAL);
    }
    check_thread(args.int(0))?;
    let wishes = *wishes().lock();
    let head = u64::from(SIZE) | u64::from(wishes.policy) << 32;
    let levels = u64::from(wishes.nice as u32) | u64::from(wishes.priority as u32) << 32;
    args.ptr::<SchedAttr>(1).write([head, 0, levels, 0, 0, 0])?;
    Ok(0)
}
