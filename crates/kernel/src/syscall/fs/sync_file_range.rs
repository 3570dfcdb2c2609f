//! `sync_file_range(2)`.

use super::fsync::fsync;
use crate::{errno::Result, syscall::Args};

/// `sync_file_range(int fd, off_t offset, off_t nbytes, unsigned int flags)`
pub(super) fn sync_file_range(args: &Args) -> Result<usize> {
    fsync(args)
}
