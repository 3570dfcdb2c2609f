//! `umask(2)`.

use crate::{errno::Result, process::process, syscall::Args};

/// `umask(mode_t mask)`: the mask before.
pub(super) fn umask(args: &Args) -> Result<usize> {
    Ok(core::mem::replace(&mut *process().umask.lock(), args.uint(0) & 0o777) as usize)
}
