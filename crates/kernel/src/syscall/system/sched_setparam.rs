//! `sched_setparam`, `sched_getparam`.

use super::{
    common::{set_wishes, thread},
    sched_get_priority_max::check_priority,
};
use crate::{
    errno::{Errno, Result},
    sched::Wishes,
    syscall::Args,
};

pub(super) fn sched_setparam(args: &Args) -> Result<usize> {
    let priority = args.ptr::<i32>(1).non_null().ok_or(Errno::EINVAL)?.read()?;
    let thread = thread(args.int(0))?;
    let wishes = thread.wishes();
    let priority = check_priority(wishes.policy, priority)?;
    set_wishes(&thread, Wishes { priority, ..wishes })?;
    Ok(0)
}

pub(super) fn sched_getparam(args: &Args) -> Result<usize> {
    let target = args.ptr::<i32>(1).non_null().ok_or(Errno::EINVAL)?;
    target.write(i32::from(thread(args.int(0))?.wishes().priority))?;
    Ok(0)
}
