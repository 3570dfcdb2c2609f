//! `fsync(2)`: `fsync`, `fdatasync`.

use crate::{
    errno::{Errno, Result},
    fs::{Body, NodeFile},
    process::open_file,
    syscall::Args,
};

/// `fsync(int fd)`, `fdatasync(int fd)`: on a volume, all that was done to it is on the disk then, and a file of the host's is on the host's; elsewhere what is
/// written is in memory, and stays no longer than the VM.
pub(super) fn fsync(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    match NodeFile::of(&open) {
        Some(file) if file.is_place() => Err(Errno::EBADF),
        Some(file) if let Some(inode) = &file.node.remote => {
            inode.sync(file.node.is_directory(), false).map(|()| 0)
        }
        Some(file) if matches!(file.node.body, Body::Regular(_) | Body::Directory(_)) => {
            file.node.fs.sync().map(|()| 0)
        }
        // A stream, a socket, a device without a disk: there is nothing that could be written back.
        _ => Err(Errno::EINVAL),
    }
}
