//! `flock(2)`.

use crate::{
    errno::{Errno, Result},
    fs::{self, NodeFile},
    process::open_file,
    syscall::Args,
};
use linux_raw_sys::general::{LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN};

/// `flock(int fd, int operation)`
pub(super) fn flock(args: &Args) -> Result<usize> {
    let operation = args.uint(1);
    let try_only = operation & LOCK_NB != 0;
    let kind = operation & !LOCK_NB;
    if !matches!(kind, LOCK_SH | LOCK_EX | LOCK_UN) {
        return Err(Errno::EINVAL);
    }
    let open = open_file(args.int(0))?;
    let Some(file) = NodeFile::of(&open) else {
        return Ok(0);
    };
    match kind {
        _ if file.is_place() => return Err(Errno::EBADF),
        LOCK_UN => fs::unlock_file(file),
        _ => fs::lock_file(file, kind == LOCK_EX, try_only)?,
    }
    Ok(0)
}
