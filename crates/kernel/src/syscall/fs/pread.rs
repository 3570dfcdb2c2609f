//! `pread(2)`: `pread64`, `pwrite64`.

use super::common::MAX_COUNT;
use crate::{
    errno::{Errno, Result},
    file::OpenFile,
    process::{has_read, has_written, open_file},
    syscall::Args,
};
use alloc::sync::Arc;
use linux_raw_sys::general as raw;

/// The file and the position, checked: `EINVAL` for a negative one, `ESPIPE` for what has no position.
pub(super) fn seekable_at(fd: i32, offset: u64) -> Result<(Arc<OpenFile>, u64)> {
    if offset > i64::MAX as u64 {
        return Err(Errno::EINVAL);
    }
    let open = open_file(fd)?;
    if !open.file.seekable() {
        return Err(Errno::ESPIPE);
    }
    Ok((open, offset))
}

/// `pread64(int fd, void *buf, size_t count, off_t offset)`
pub(super) fn pread(args: &Args) -> Result<usize> {
    let (open, offset) = seekable_at(args.int(0), args.0[3])?;
    if !open.readable() {
        return Err(Errno::EBADF);
    }
    has_read(open.file.read(offset, args.slice(1).take(MAX_COUNT).bytes_mut()?))
}

/// `pwrite64(int fd, const void *buf, size_t count, off_t offset)`
pub(super) fn pwrite(args: &Args) -> Result<usize> {
    let (open, offset) = seekable_at(args.int(0), args.0[3])?;
    if !open.writable() {
        return Err(Errno::EBADF);
    }
    // With O_APPEND, Linux appends whatever the offset (pwrite(2), BUGS).
    let offset = if open.flags() & raw::O_APPEND != 0 {
        open.file.stat()?.size
    } else {
        offset
    };
    has_written(open.file.write(offset, args.slice(1).take(MAX_COUNT).bytes()?))
}
