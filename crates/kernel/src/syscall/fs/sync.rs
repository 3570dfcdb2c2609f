//! `sync(2)`: `sync`, `syncfs`.

use crate::{errno::Result, process::open_file, syscall::Args};

/// `sync(void)`
pub(super) fn sync(_args: &Args) -> Result<usize> {
    Ok(0)
}

/// `syncfs(int fd)`
pub(super) fn syncfs(args: &Args) -> Result<usize> {
    open_file(args.int(0)).map(|_| 0)
}
