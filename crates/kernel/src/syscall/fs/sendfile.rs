//! `sendfile(2)`.

use super::common::{MAX_COUNT, copy};
use crate::{
    errno::{Errno, Result},
    fs::NodeFile,
    process::open_file,
    syscall::Args,
    user::UserPtr,
};
use linux_raw_sys::general::O_APPEND;

/// `sendfile(int out_fd, int in_fd, off_t *offset, size_t count)`
pub(super) fn sendfile(args: &Args) -> Result<usize> {
    let (output, input) = (open_file(args.int(0))?, open_file(args.int(1))?);
    let offset: Option<UserPtr<i64>> = args.ptr(2).non_null();
    if !input.readable() || !output.writable() {
        return Err(Errno::EBADF);
    }
    // What is read must have a position (mmap(2)-like operations, says the man page).
    if !input.file.seekable() {
        return Err(if offset.is_some() {
            Errno::ESPIPE
        } else {
            Errno::EINVAL
        });
    }
    if NodeFile::of(&input).is_some_and(|file| file.node.is_directory()) {
        return Err(Errno::EINVAL);
    }
    if output.flags() & O_APPEND != 0 {
        return Err(Errno::EINVAL);
    }
    let from = match offset {
        Some(offset) => u64::try_from(offset.read()?).map_err(|_| Errno::EINVAL)?,
        None => *input.offset().lock(),
    };
    let done = copy(&input, from, &output, None, args.size(3).min(MAX_COUNT))?;
    let after = from + done as u64;
    match offset {
        Some(offset) => offset.write(after as i64)?,
        None => *input.offset().lock() = after,
    }
    Ok(done)
}
