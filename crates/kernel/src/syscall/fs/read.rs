//! `read(2)`.

use super::common::MAX_COUNT;
use crate::{
    errno::Result,
    process::{has_read, open_file},
    syscall::Args,
};

/// `read(int fd, void *buf, size_t count)`
pub(super) fn read(args: &Args) -> Result<usize> {
    has_read(open_file(args.int(0))?.read(args.slice(1).take(MAX_COUNT)))
}
