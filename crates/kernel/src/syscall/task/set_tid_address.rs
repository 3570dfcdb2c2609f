//! `set_tid_address(2)`.

use crate::{errno::Result, sched, syscall::Args};
use core::sync::atomic::Ordering;

/// Remembers what to clear when the thread ends; answers the thread's number.
pub(super) fn set_tid_address(args: &Args) -> Result<usize> {
    let me = sched::current();
    me.clear_child_tid.store(args.0[0], Ordering::Relaxed);
    Ok(me.tid as usize)
}
