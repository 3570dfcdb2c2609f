//! `munmap(2)`.

use crate::{errno::Result, mm::space, syscall::Args};

/// Takes a range out of the memory map.
pub(super) fn munmap(args: &Args) -> Result<usize> {
    space::unmap(args.0[0], args.0[1]).map(|()| 0)
}
