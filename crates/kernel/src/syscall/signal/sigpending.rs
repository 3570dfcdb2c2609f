//! `rt_sigpending`.

use crate::{
    errno::{Errno, Result},
    sched,
    signal::info::SigSet,
    syscall::Args,
};

pub(super) fn rt_sigpending(args: &Args) -> Result<usize> {
    if args.size(1) > size_of::<SigSet>() {
        return Err(Errno::EINVAL);
    }
    let signals = &sched::current().signals;
    let set = signals.pending_set() & signals.mask();
    let bytes = crate::user::UserSlice::new(args.0[0], args.size(1)).bytes_mut()?;
    bytes.copy_from_slice(&set.to_ne_bytes()[..bytes.len()]);
    Ok(0)
}
