//! `sched_rr_get_interval`.

use super::common::check_thread;
use crate::{
    errno::Result,
    sched,
    syscall::{Args, time::common::timespec},
};
use linux_raw_sys::general::__kernel_timespec;

pub(super) fn sched_rr_get_interval(args: &Args) -> Result<usize> {
    check_thread(args.int(0))?;
    args.ptr::<__kernel_timespec>(1)
        .write(timespec(sched::SLICE.as_nanos() as u64))?;
    Ok(0)
}
