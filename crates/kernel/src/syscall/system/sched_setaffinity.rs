//! `sched_setaffinity`, `sched_getaffinity`.

use super::common::thread;
use crate::{
    errno::{Errno, Result},
    syscall::Args,
    user::UserSlice,
};

/// Bytes of a mask for one processor: the kernel counts in `unsigned long`s.
const MASK_LEN: usize = 8;

pub(super) fn sched_getaffinity(args: &Args) -> Result<usize> {
    let len = args.uint(1) as usize;
    if len < MASK_LEN || !len.is_multiple_of(MASK_LEN) {
        return Err(Errno::EINVAL);
    }
    check_affinity_target(args.int(0))?;
    UserSlice::new(args.0[2], MASK_LEN)
        .bytes_mut()?
        .copy_from_slice(&1u64.to_ne_bytes());
    Ok(MASK_LEN)
}

pub(super) fn sched_setaffinity(args: &Args) -> Result<usize> {
    let len = (args.uint(1) as usize).min(MASK_LEN);
    let first = UserSlice::new(args.0[2], len)
        .bytes()?
        .first()
        .copied()
        .unwrap_or(0);
    check_affinity_target(args.int(0))?;
    if first & 1 == 0 { Err(Errno::EINVAL) } else { Ok(0) }
}

/// A negative number is nobody here, and no mistake.
fn check_affinity_target(number: i32) -> Result<()> {
    thread(number).map(drop).map_err(|_| Errno::ESRCH)
}
