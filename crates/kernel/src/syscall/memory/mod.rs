//! Memory.

use super::Row;
use crate::row;

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
        Partial("advice other than MADV_DONTNEED and its like has no effect")
    ),
    row!(__NR_mincore, mincore, Full),
    row!(__NR_mlock, mlock, Stub("nothing is ever swapped out")),
    Row {
        number: linux_raw_sys::general::__NR_munlock,
        name: "mlock",
        handler: mlock::mlock,
        support: super::Support::Stub("nothing is ever swapped out"),
    },
    Row {
        number: linux_raw_sys::general::__NR_mlock2,
        name: "mlock",
        handler: mlock::mlock,
        support: super::Support::Stub("nothing is ever swapped out"),
    },
    Row {
        number: linux_raw_sys::general::__NR_mlockall,
        name: "mlock",
        handler: mlock::mlockall,
        support: super::Support::Stub("nothing is ever swapped out"),
    },
    Row {
        number: linux_raw_sys::general::__NR_munlockall,
        name: "mlock",
        handler: mlock::mlockall,
        support: super::Support::Stub("nothing is ever swapped out"),
    },
    row!(
        __NR_mmap,
        mmap,
        Partial("writable shared mappings of files are refused with ENODEV; huge pages are a hint")
    ),
    row!(__NR_mprotect, mprotect, Full),
    row!(
        __NR_mremap,
        mremap,
        Partial("one area at a time; MREMAP_DONTUNMAP is refused with EINVAL")
    ),
    row!(__NR_msync, msync, Full),
    row!(__NR_munmap, munmap, Full),
];
