//! `times`.

use super::common::SECOND;
use crate::{errno::Result, sched::process_times, syscall::Args, time};

/// Nanoseconds of a clock tick (`sysconf(_SC_CLK_TCK)` is 100).
const TICK: u64 = SECOND / 100;

pub(super) fn times(args: &Args) -> Result<usize> {
    let used = process_times();
    // User, system, children's user, children's system.
    args.ptr::<[i64; 4]>(0)
        .write_if_some([(used.user / TICK) as i64, (used.system / TICK) as i64, 0, 0])?;
    Ok((time::now().0 / TICK) as usize)
}
