//! `write(2)`.

use super::common::MAX_COUNT;
use crate::{
    errno::Result,
    process::{has_written, open_file},
    syscall::Args,
};

/// `write(int fd, const void *buf, size_t count)`
pub(super) fn write(args: &Args) -> Result<usize> {
    has_written(open_file(args.int(0))?.write(args.slice(1).take(MAX_COUNT)))
}
