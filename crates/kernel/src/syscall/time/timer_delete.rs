//! `timer_delete`.

use crate::{errno::Result, signal::timers, syscall::Args};

pub(super) fn timer_delete(args: &Args) -> Result<usize> {
    timers::delete(args.int(0)).map(|()| 0)
}
