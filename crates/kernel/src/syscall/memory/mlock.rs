//! `mlock(2)` and its family.

use crate::{errno::Result, mm::space, syscall::Args};

/// Locks or unlocks a range: all of memory is locked always.
pub(super) fn mlock(args: &Args) -> Result<usize> {
    let start = args.0[0] & !(crate::mm::PAGE_SIZE as u64 - 1);
    space::check_mapped(start, args.0[1] + (args.0[0] - start)).map(|()| 0)
}

/// Locks or unlocks everything.
pub(super) fn mlockall(_args: &Args) -> Result<usize> {
    Ok(0)
}
