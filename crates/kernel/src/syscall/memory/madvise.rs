//! `madvise(2)`.

use crate::{
    errno::{Errno, Result},
    mm::space::{self, Discard},
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Gives pages back, punches holes and makes pages present; hints are checked and then ignored, which `madvise(2)` allows.
///
/// `MADV_FREE` gives pages back at once: a later write finds them zero, as it may on Linux.
pub(super) fn madvise(args: &Args) -> Result<usize> {
    let (start, len) = (args.0[0], args.0[1]);
    match args.uint(2) {
        raw::MADV_DONTNEED => space::discard(start, len, Discard::DontNeed)?,
        raw::MADV_DONTNEED_LOCKED => space::discard(start, len, Discard::Locked)?,
        raw::MADV_FREE => space::discard(start, len, Discard::Free)?,
        raw::MADV_REMOVE => space::punch(start, len)?,
        raw::MADV_WILLNEED => {
            space::check_mapped(start, len)?;
            // Ahead of need, so whatever goes wrong is told when it is touched. Anonymous memory has nothing to be fetched.
            space::read_ahead(start, len);
        }
        raw::MADV_NORMAL..=raw::MADV_SEQUENTIAL
        | raw::MADV_DONTFORK..=raw::MADV_DOFORK
        | raw::MADV_MERGEABLE..=raw::MADV_COLD
        | raw::MADV_PAGEOUT => space::check_mapped(start, len)?,
        raw::MADV_POPULATE_READ | raw::MADV_POPULATE_WRITE => {
            let write = args.uint(2) == raw::MADV_POPULATE_WRITE;
            space::check_mapped(start, len)?;
            let len = len.next_multiple_of(crate::mm::PAGE_SIZE as u64);
            space::populate_range(start, len, write)?;
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
