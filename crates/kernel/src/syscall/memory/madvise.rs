//! `madvise(2)`.

use crate::{
    errno::{Errno, Result},
    mm::space,
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Gives pages back on `MADV_DONTNEED`; other advice is checked and then ignored, which `madvise(2)` allows.
///
/// `MADV_FREE` may keep the contents for as long as memory lasts, and does.
pub(super) fn madvise(args: &Args) -> Result<usize> {
    let (start, len) = (args.0[0], args.0[1]);
    match args.uint(2) {
        raw::MADV_DONTNEED | raw::MADV_DONTNEED_LOCKED => space::discard(start, len)?,
        raw::MADV_NORMAL..=raw::MADV_WILLNEED
        | raw::MADV_FREE
        | raw::MADV_DONTFORK..=raw::MADV_DOFORK
        | raw::MADV_MERGEABLE..=raw::MADV_COLD
        | raw::MADV_PAGEOUT => space::check_mapped(start, len)?,
        raw::MADV_POPULATE_READ | raw::MADV_POPULATE_WRITE => {
            let write = args.uint(2) == raw::MADV_POPULATE_WRITE;
            space::check_mapped(start, len)?;
            crate::mm::check_user(start, args.size(1), write)?;
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
