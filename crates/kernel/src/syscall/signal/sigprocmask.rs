//! `rt_sigprocmask`.

use super::common::check_size;
use crate::{
    errno::{Errno, Result},
    sched,
    signal::info::SigSet,
    syscall::Args,
};
use linux_raw_sys::general::{SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK};

pub(super) fn rt_sigprocmask(args: &Args) -> Result<usize> {
    check_size(args.size(3))?;
    let signals = &sched::current().signals;
    let before = signals.mask();
    if let Some(new) = args.ptr::<SigSet>(1).non_null() {
        let new = new.read()?;
        signals.set_mask(match args.uint(0) {
            SIG_BLOCK => before | new,
            SIG_UNBLOCK => before & !new,
            SIG_SETMASK => new,
            _ => return Err(Errno::EINVAL),
        });
    }
    args.ptr::<SigSet>(2).write_if_some(before)?;
    Ok(0)
}
