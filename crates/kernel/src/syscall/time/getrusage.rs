//! `getrusage`.

use super::common::timeval;
use crate::{
    errno::{Errno, Result},
    mm,
    sched::{self, process_cpu_time},
    syscall::Args,
};
use linux_raw_sys::general as raw;

pub(super) fn getrusage(args: &Args) -> Result<usize> {
    let used = match args.int(0) {
        who if who == raw::RUSAGE_SELF as i32 => process_cpu_time(),
        who if who == raw::RUSAGE_THREAD as i32 => sched::current().cpu_time(),
        raw::RUSAGE_CHILDREN => 0,
        _ => return Err(Errno::EINVAL),
    };
    // Two times and fourteen numbers, of which Linux maintains some.
    let mut usage = [0i64; 18];
    let user = timeval(used);
    [usage[0], usage[1]] = [user.tv_sec, user.tv_usec];
    if args.int(0) != raw::RUSAGE_CHILDREN {
        // ru_maxrss in KiB: what is resident now, as the highest is not kept.
        usage[4] = (mm::usage().resident / 1024) as i64;
    }
    args.ptr::<[i64; 18]>(1).write(usage)?;
    Ok(0)
}

const _: () = assert!(size_of::<raw::rusage>() == 18 * 8);
