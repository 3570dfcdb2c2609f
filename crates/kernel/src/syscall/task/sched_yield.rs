//! `sched_yield(2)`.

use crate::{errno::Result, sched, syscall::Args};

/// Lets other threads run.
pub(super) fn sched_yield(_args: &Args) -> Result<usize> {
    sched::yield_now();
    Ok(0)
}
