//! `get_robust_list(2)` and `set_robust_list`.

use crate::{
    errno::{Errno, Result},
    sched,
    syscall::Args,
};
use core::sync::atomic::Ordering;

/// Bytes of `struct robust_list_head`.
const HEAD_SIZE: usize = 24;

/// Where a thread keeps its robust mutexes.
pub(super) fn get_robust_list(args: &Args) -> Result<usize> {
    let thread = match args.int(0) {
        0 => sched::current(),
        tid => sched::find(tid).ok_or(Errno::ESRCH)?,
    };
    args.ptr::<u64>(1)
        .write(thread.robust_list.load(Ordering::Relaxed))?;
    args.ptr::<u64>(2).write(HEAD_SIZE as u64)?;
    Ok(0)
}

/// Says where the calling thread keeps its robust mutexes.
pub(super) fn set_robust_list(args: &Args) -> Result<usize> {
    if args.size(1) != HEAD_SIZE {
        return Err(Errno::EINVAL);
    }
    sched::current().robust_list.store(args.0[0], Ordering::Relaxed);
    Ok(0)
}
