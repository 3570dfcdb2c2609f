//! `close(2)`.

use crate::{errno::Result, process, syscall::Args};

/// `close(int fd)`
pub(super) fn close(args: &Args) -> Result<usize> {
    process::close(args.int(0)).map(|()| 0)
}
