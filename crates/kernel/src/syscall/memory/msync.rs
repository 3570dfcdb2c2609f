//! `msync(2)`.

use crate::{
    errno::{Errno, Result},
    fs,
    mm::space,
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// A mapping's pages are the file's own, so the file is never behind. With `MS_SYNC`, files of volumes are on the disk when it returns.
pub(super) fn msync(args: &Args) -> Result<usize> {
    let flags = args.uint(2);
    let both = raw::MS_SYNC | raw::MS_ASYNC;
    if flags & !(both | raw::MS_INVALIDATE) != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    if flags & raw::MS_INVALIDATE != 0 && space::has_locked(args.0[0], args.0[1]) {
        return Err(Errno::EBUSY);
    }
    space::check_mapped(args.0[0], args.0[1])?;
    if flags & raw::MS_SYNC != 0 {
        for file in space::shared_files(args.0[0], args.0[1]) {
            fs::sync_file(file.as_ref())?;
        }
    }
    Ok(0)
}
