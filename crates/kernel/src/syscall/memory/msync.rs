//! `msync(2)`.

use crate::{
    errno::{Errno, Result},
    mm::space,
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Checks its arguments; there are no writable shared file mappings that could be behind their file.
pub(super) fn msync(args: &Args) -> Result<usize> {
    let flags = args.uint(2);
    let both = raw::MS_SYNC | raw::MS_ASYNC;
    if flags & !(both | raw::MS_INVALIDATE) != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    space::check_mapped(args.0[0], args.0[1]).map(|()| 0)
}
