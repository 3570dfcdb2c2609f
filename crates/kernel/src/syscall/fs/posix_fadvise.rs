//! `posix_fadvise(2)`: `fadvise64`.

use crate::{
    errno::{Errno, Result},
    process::open_file,
    syscall::Args,
};

/// `fadvise64(int fd, off_t offset, off_t len, int advice)`: checked, and otherwise not needed.
pub(super) fn posix_fadvise(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    if !open.file.seekable() {
        return Err(Errno::ESPIPE);
    }
    // POSIX_FADV_NORMAL to POSIX_FADV_NOREUSE.
    if args.uint(3) > 5 {
        Err(Errno::EINVAL)
    } else {
        Ok(0)
    }
}
