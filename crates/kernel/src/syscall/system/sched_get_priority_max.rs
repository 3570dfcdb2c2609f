//! `sched_get_priority_max`, `sched_get_priority_min`.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Lowest and highest realtime priority of a policy (`sched(7)`).
fn range(policy: u32) -> Result<(i32, i32)> {
    match policy {
        raw::SCHED_FIFO | raw::SCHED_RR => Ok((1, 99)),
        raw::SCHED_NORMAL | raw::SCHED_BATCH | raw::SCHED_IDLE | raw::SCHED_DEADLINE => Ok((0, 0)),
        _ => Err(Errno::EINVAL),
    }
}

/// A priority that the policy has.
pub(super) fn check_priority(policy: u32, priority: i32) -> Result<u8> {
    let (min, max) = range(policy)?;
    if !(min..=max).contains(&priority) {
        return Err(Errno::EINVAL);
    }
    Ok(priority as u8)
}

pub(super) fn max(args: &Args) -> Result<usize> {
    range(args.uint(0)).map(|(_, max)| max as usize)
}

pub(super) fn min(args: &Args) -> Result<usize> {
    range(args.uint(0)).map(|(min, _)| min as usize)
}
