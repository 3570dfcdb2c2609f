//! `fsync(2)`: `fsync`, `fdatasync`.

use crate::{
    errno::{Errno, Result},
    fs::NodeFile,
    process::open_file,
    syscall::Args,
};

/// `fsync(int fd)`, `fdatasync(int fd)`: what is written is in memory, and stays no longer than the VM.
pub(super) fn fsync(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    match NodeFile::of(&open) {
        Some(file) if file.is_place() => Err(Errno::EBADF),
        Some(_) => Ok(0),
        None => Err(Errno::EINVAL),
    }
}
