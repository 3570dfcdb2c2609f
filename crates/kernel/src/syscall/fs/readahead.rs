//! `readahead(2)`.

use crate::{
    errno::{Errno, Result},
    fs::NodeFile,
    process::open_file,
    syscall::Args,
};

/// `readahead(int fd, off_t offset, size_t count)`
pub(super) fn readahead(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    if !open.readable() {
        return Err(Errno::EBADF);
    }
    NodeFile::of(&open)
        .and_then(|file| file.node.data())
        .map(|_| 0)
        .ok_or(Errno::EINVAL)
}
