//! Memory.

use super::{Row, Support};
use crate::row;
use linux_raw_sys::general as raw;

mod brk;
mod madvise;
mod mincore;
mod mlock;
mod mmap;
mod mprotect;
mod mremap;
mod msync;
mod munmap;

/// The family's rows.
pub const ROWS: &[Row] = &[
    row!(__NR_brk, brk, Full),
    row!(
        __NR_madvise,
        madvise,
        Partial(
            "MADV_FREE gives the pages back at once; advice on read-ahead, merging and huge pages has no effect"
        )
    ),
    row!(__NR_mincore, mincore, Full),
    row!(__NR_mlock, mlock, Full),
    Row::new(raw::__NR_munlock, "mlock", mlock::munlock, Support::Full),
    Row::new(raw::__NR_mlock2, "mlock", mlock::mlock2, Support::Full),
    Row::new(raw::__NR_mlockall, "mlock", mlock::mlockall, Support::Full),
    Row::new(raw::__NR_munlockall, "mlock", mlock::munlockall, Support::Full),
    row!(
        __NR_mmap,
        mmap,
        Partial("memory is never refused ahead of its use; MAP_HUGETLB is refused with ENOMEM")
    ),
    row!(__NR_mprotect, mprotect, Full),
    row!(__NR_mremap, mremap, Full),
    row!(__NR_msync, msync, Full),
    row!(__NR_munmap, munmap, Full),
];
