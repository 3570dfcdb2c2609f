//! `ioprio_set`, `ioprio_get`.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// `IOPRIO_WHO_PROCESS` to `IOPRIO_WHO_USER`.
const WHO: core::ops::RangeInclusive<i32> = 1..=3;

pub(super) fn ioprio_set(args: &Args) -> Result<usize> {
    if WHO.contains(&args.int(0)) {
        Ok(0)
    } else {
        Err(Errno::EINVAL)
    }
}

/// `IOPRIO_CLASS_NONE`.
pub(super) fn ioprio_get(args: &Args) -> Result<usize> {
    if WHO.contains(&args.int(0)) {
        Ok(0)
    } else {
        Err(Errno::EINVAL)
    }
}
