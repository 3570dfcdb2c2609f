//! `rt_sigreturn`: noted here; [`deliver`](crate::signal::deliver()) has the registers and does it.

use crate::{errno::Result, sched, syscall::Args};

pub(super) fn rt_sigreturn(_: &Args) -> Result<usize> {
    sched::current().signals.request_return();
    Ok(0)
}
