//! `lseek(2)`.

use crate::{
    errno::{Errno, Result},
    fs::{MAX_SIZE, NodeFile},
    process::open_file,
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// `lseek(int fd, off_t offset, int whence)`
pub(super) fn lseek(args: &Args) -> Result<usize> {
    let (open, offset, whence) = (open_file(args.int(0))?, args.0[1] as i64, args.uint(2));
    if NodeFile::of(&open).is_some_and(NodeFile::is_place) {
        return Err(Errno::EBADF);
    }
    if open.file.ignores_seeks() {
        return Ok(0);
    }
    if !open.file.seekable() {
        return Err(Errno::ESPIPE);
    }
    let _place = open.at_position();
    let size = || Ok(open.file.stat()?.size as i64);
    let target = match whence {
        raw::SEEK_SET => Some(offset),
        raw::SEEK_CUR => (*open.offset().lock() as i64).checked_add(offset),
        raw::SEEK_END => size()?.checked_add(offset),
        raw::SEEK_DATA | raw::SEEK_HOLE if offset < 0 || offset >= size()? => return Err(Errno::ENXIO),
        raw::SEEK_DATA | raw::SEEK_HOLE => {
            let hole = whence == raw::SEEK_HOLE;
            let data = NodeFile::of(&open).and_then(|file| file.node.data());
            match data {
                Some(data) => Some(data.seek(offset as u64, hole)? as i64),
                // What has no pages is data, with a hole at its end.
                None if hole => Some(size()?),
                None => Some(offset),
            }
        }
        _ => return Err(Errno::EINVAL),
    };
    let target = target
        .filter(|&target| target >= 0 && target as u64 <= MAX_SIZE)
        .ok_or(Errno::EINVAL)?;
    *open.offset().lock() = target as u64;
    Ok(target as usize)
}
