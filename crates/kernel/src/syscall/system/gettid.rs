//! `gettid`.

use crate::{errno::Result, sched, syscall::Args};

pub(super) fn gettid(_: &Args) -> Result<usize> {
    Ok(sched::current().tid as usize)
}
