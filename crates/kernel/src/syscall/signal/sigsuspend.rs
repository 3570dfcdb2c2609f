//! `rt_sigsuspend`.

use super::common::check_size;
use crate::{
    errno::{Errno, Result},
    sched,
    signal::info::SigSet,
    syscall::Args,
    wait::wait_until,
};

pub(super) fn rt_sigsuspend(args: &Args) -> Result<usize> {
    check_size(args.size(1))?;
    let mask = args.ptr::<SigSet>(0).read()?;
    sched::current().signals.set_wait_mask(mask);
    let _ = wait_until(&[], None, || None::<()>);
    Err(Errno::ERESTARTNOHAND)
}
