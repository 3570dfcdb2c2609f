//! `brk(2)`: the end of the heap.

use crate::{errno::Result, syscall::Args};

/// Moves the end of the heap and answers where it is, moved or not, as the system call (not its C wrapper) does.
pub(super) fn brk(args: &Args) -> Result<usize> {
    Ok(crate::mm::space::brk(args.0[0]) as usize)
}
