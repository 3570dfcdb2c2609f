//! `readahead(2)`.

use crate::{
    errno::{Errno, Result},
    fs::NodeFile,
    process::open_file,
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// `readahead(int fd, off_t offset, size_t count)`
pub(super) fn readahead(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    if !open.readable() || NodeFile::of(&open).is_some_and(NodeFile::is_place) {
        return Err(Errno::EBADF);
    }
    match NodeFile::of(&open) {
        Some(file) if file.node.kind() == raw::S_IFREG => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}
