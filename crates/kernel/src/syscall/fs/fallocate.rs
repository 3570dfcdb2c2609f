//! `fallocate(2)`.

use crate::{
    errno::{Errno, Result},
    fs::{MAX_SIZE, NodeFile, may_grow},
    process::open_file,
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// `fallocate(int fd, int mode, off_t offset, off_t len)`
pub(super) fn fallocate(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    if NodeFile::of(&open).is_some_and(NodeFile::is_place) {
        return Err(Errno::EBADF);
    }
    let (mode, offset, len) = (args.uint(1), args.0[2] as i64, args.0[3] as i64);
    if offset < 0 || len <= 0 {
        return Err(Errno::EINVAL);
    }
    const PUNCH: u32 = raw::FALLOC_FL_PUNCH_HOLE | raw::FALLOC_FL_KEEP_SIZE;
    const ZERO_AND_KEEP: u32 = raw::FALLOC_FL_ZERO_RANGE | raw::FALLOC_FL_KEEP_SIZE;
    if !matches!(
        mode,
        0 | raw::FALLOC_FL_KEEP_SIZE | raw::FALLOC_FL_ZERO_RANGE | ZERO_AND_KEEP | PUNCH
    ) {
        return Err(Errno::EOPNOTSUPP);
    }
    if !open.writable() {
        return Err(Errno::EBADF);
    }
    let Some(file) = NodeFile::of(&open) else {
        let is_pipe = open.file.stat()?.mode & raw::S_IFMT == raw::S_IFIFO;
        return Err(if is_pipe { Errno::ESPIPE } else { Errno::ENODEV });
    };
    let data = file.node.data().ok_or(Errno::ENODEV)?;
    let (start, end) = (offset as u64, offset as u64 + len as u64);
    if end > MAX_SIZE {
        return Err(Errno::EFBIG);
    }
    if mode & raw::FALLOC_FL_KEEP_SIZE == 0 {
        may_grow(data.size(), end)?;
    }
    if mode & (raw::FALLOC_FL_PUNCH_HOLE | raw::FALLOC_FL_ZERO_RANGE) != 0 {
        if file.node.remote.is_some() {
            return Err(Errno::EOPNOTSUPP);
        }
        data.zero(start..end)?;
    }
    if file.node.remote.is_some() {
        // The host is asked for the size only; room is its own affair.
        if mode & raw::FALLOC_FL_KEEP_SIZE == 0 && end > data.size() {
            file.node.truncate(end)?;
        }
    } else if mode & raw::FALLOC_FL_PUNCH_HOLE == 0 {
        data.allocate(start..end, mode & raw::FALLOC_FL_KEEP_SIZE != 0)?;
    }
    file.node.modified();
    Ok(0)
}
