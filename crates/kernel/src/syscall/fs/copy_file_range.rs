//! `copy_file_range(2)`.

use super::common::{MAX_COUNT, copy};
use crate::{
    errno::{Errno, Result},
    file::OpenFile,
    fs::{MAX_SIZE, NodeFile},
    process::open_file,
    syscall::Args,
    user::UserPtr,
};
use alloc::sync::Arc;
use linux_raw_sys::general::O_APPEND;

/// The position of one side: from the program's variable, or the file's own.
fn position(open: &OpenFile, offset: Option<UserPtr<i64>>, count: usize) -> Result<u64> {
    match offset {
        Some(offset) => {
            let at = offset.read()?;
            u64::try_from(at).map_err(|_| match (at as u64).checked_add(count as u64) {
                None => Errno::EOVERFLOW,
                Some(_) => Errno::EINVAL,
            })
        }
        None => Ok(*open.offset().lock()),
    }
}

fn advance(open: &OpenFile, offset: Option<UserPtr<i64>>, to: u64) -> Result<()> {
    match offset {
        Some(offset) => offset.write(to as i64),
        None => {
            *open.offset().lock() = to;
            Ok(())
        }
    }
}

/// `copy_file_range(int fd_in, off_t *off_in, int fd_out, off_t *off_out, size_t size, unsigned int flags)`
pub(super) fn copy_file_range(args: &Args) -> Result<usize> {
    let (input, output) = (open_file(args.int(0))?, open_file(args.int(2))?);
    let (off_in, off_out) = (args.ptr(1).non_null(), args.ptr(3).non_null());
    if args.uint(5) != 0 {
        return Err(Errno::EINVAL);
    }
    let node = |open: &OpenFile| {
        NodeFile::of(open)
            .map(|file| file.node.clone())
            .ok_or(Errno::EINVAL)
    };
    let (from_node, to_node) = (node(&input)?, node(&output)?);
    if from_node.is_directory() || to_node.is_directory() {
        return Err(Errno::EISDIR);
    }
    if from_node.data().is_none() || to_node.data().is_none() {
        return Err(Errno::EINVAL);
    }
    if !input.readable() || !output.writable() || output.flags() & O_APPEND != 0 {
        return Err(Errno::EBADF);
    }
    let (from, to) = (
        position(&input, off_in, args.size(4))?,
        position(&output, off_out, args.size(4))?,
    );
    let ends = [from, to].map(|start| start.checked_add(args.0[4]));
    if ends.contains(&None) {
        return Err(Errno::EOVERFLOW);
    }
    if to >= MAX_SIZE && args.size(4) > 0 {
        return Err(Errno::EFBIG);
    }
    let count = args
        .size(4)
        .min(MAX_COUNT)
        .min(usize::try_from(MAX_SIZE - to.min(MAX_SIZE)).unwrap_or(usize::MAX));
    if Arc::ptr_eq(&from_node, &to_node) && from < to + count as u64 && to < from + count as u64 {
        return Err(Errno::EINVAL);
    }
    let done = copy(&input, from, &output, Some(to), count)?;
    advance(&input, off_in, from + done as u64)?;
    advance(&output, off_out, to + done as u64)?;
    Ok(done)
}
