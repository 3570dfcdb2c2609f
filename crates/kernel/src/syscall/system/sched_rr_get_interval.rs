//! `sched_rr_get_interval`.

use super::common::thread;
use crate::{
    errno::Result,
    sched,
    syscall::{Args, time::common::timespec},
};
use core::time::Duration;
use linux_raw_sys::general::{__kernel_timespec, SCHED_FIFO, SCHED_RR};

pub(super) fn sched_rr_get_interval(args: &Args) -> Result<usize> {
    let slice = match thread(args.int(0))?.wishes().policy {
        SCHED_FIFO => Duration::ZERO,
        SCHED_RR => sched::ROUND,
        _ => sched::SLICE,
    };
    args.ptr::<__kernel_timespec>(1)
        .write(timespec(slice.as_nanos() as u64))?;
    Ok(0)
}
