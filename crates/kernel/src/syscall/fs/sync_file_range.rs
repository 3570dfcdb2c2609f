//! `sync_file_range(2)`.

use super::common::node_of;
use crate::{
    errno::{Errno, Result},
    process::open_file,
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// `sync_file_range(int fd, off_t offset, off_t nbytes, unsigned int flags)`
pub(super) fn sync_file_range(args: &Args) -> Result<usize> {
    let known =
        raw::SYNC_FILE_RANGE_WAIT_BEFORE | raw::SYNC_FILE_RANGE_WRITE | raw::SYNC_FILE_RANGE_WAIT_AFTER;
    let (offset, count) = (args.0[1] as i64, args.0[2] as i64);
    let fits = offset >= 0 && count >= 0 && offset.checked_add(count).is_some();
    // A descriptor that is not open is told of first, whatever the rest.
    open_file(args.int(0))?;
    if args.uint(3) & !known != 0 || !fits {
        return Err(Errno::EINVAL);
    }
    let node = node_of(args.int(0), Errno::ESPIPE)?.node;
    match node.kind() {
        // More than was asked for, and the one thing that is there.
        raw::S_IFREG | raw::S_IFBLK | raw::S_IFDIR | raw::S_IFLNK => node.fs.sync().map(|()| 0),
        _ => Err(Errno::ESPIPE),
    }
}
