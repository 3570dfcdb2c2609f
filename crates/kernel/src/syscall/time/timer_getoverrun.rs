//! `timer_getoverrun`.

use crate::{errno::Result, signal::timers, syscall::Args};

pub(super) fn timer_getoverrun(args: &Args) -> Result<usize> {
    timers::get(args.int(0)).map(|timer| timer.overrun() as usize)
}
