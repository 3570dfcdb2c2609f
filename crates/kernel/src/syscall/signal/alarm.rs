//! `alarm`.

use crate::{
    errno::Result,
    signal::timers,
    syscall::{Args, time::common::SECOND},
    time,
};
use core::time::Duration;
use linux_raw_sys::general::ITIMER_REAL;

pub(super) fn alarm(args: &Args) -> Result<usize> {
    let seconds = args.uint(0);
    let first = (seconds > 0).then(|| time::now() + Duration::from_secs(u64::from(seconds)));
    let before = timers::interval(ITIMER_REAL)?.set(first, 0).remaining;
    // Rounded to the nearest second, but something that is left is never 0.
    let rounded = (before + SECOND / 2) / SECOND;
    Ok(if before > 0 { rounded.max(1) as usize } else { 0 })
}
