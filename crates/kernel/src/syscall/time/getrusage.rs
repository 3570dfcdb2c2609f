//! `getrusage`.

use super::common::timeval;
use crate::{
    errno::{Errno, Result},
    mm,
    sched::{self, CpuTimes},
    syscall::Args,
};
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general as raw;

/// The most that was resident when somebody asked, in KiB; nothing keeps count in between.
static PEAK_KIB: AtomicU64 = AtomicU64::new(0);

pub(super) fn getrusage(args: &Args) -> Result<usize> {
    let (used, counters) = match args.int(0) {
        who if who == raw::RUSAGE_SELF as i32 => (sched::process_times(), sched::process_counters()),
        who if who == raw::RUSAGE_THREAD as i32 => {
            let thread = sched::current();
            (thread.times(), thread.counters.values())
        }
        raw::RUSAGE_CHILDREN => (CpuTimes::default(), [0; 3]),
        _ => return Err(Errno::EINVAL),
    };
    // Two times and fourteen numbers, of which Linux maintains some.
    let mut usage = [0i64; 18];
    let (user, system) = (timeval(used.user), timeval(used.system));
    [usage[0], usage[1], usage[2], usage[3]] = [user.tv_sec, user.tv_usec, system.tv_sec, system.tv_usec];
    if args.int(0) != raw::RUSAGE_CHILDREN {
        let now = mm::usage().resident / 1024;
        usage[4] = PEAK_KIB.fetch_max(now, Ordering::Relaxed).max(now) as i64;
    }
    // ru_minflt, ru_nvcsw, ru_nivcsw.
    [usage[8], usage[16], usage[17]] = counters.map(|count| count as i64);
    args.ptr::<[i64; 18]>(1).write(usage)?;
    Ok(0)
}

const _: () = assert!(size_of::<raw::rusage>() == 18 * 8);
