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
mod pkey_alloc;
mod shmctl;
mod shmget;
mod shmop;

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
    row!(
        __NR_pkey_alloc,
        pkey_alloc,
        Refused("ENOSPC, as on processors without protection keys")
    ),
    Row::new(
        linux_raw_sys::general::__NR_pkey_free,
        "pkey_alloc",
        pkey_alloc::pkey_free,
        Support::Refused("EINVAL: no key was given"),
    ),
    Row::new(
        linux_raw_sys::general::__NR_pkey_mprotect,
        "mprotect",
        mprotect::pkey_mprotect,
        Support::Partial("there are no keys; -1 means mprotect"),
    ),
    row!(__NR_shmget, shmget, Partial("SHM_HUGETLB is refused with ENOMEM")),
    Row::new(raw::__NR_shmat, "shmop", shmop::shmat, Support::Full),
    Row::new(raw::__NR_shmdt, "shmop", shmop::shmdt, Support::Full),
    row!(
        __NR_shmctl,
        shmctl,
        Partial("IPC_INFO, SHM_INFO and SHM_STAT answer EINVAL; who the owner is only kept")
    ),
];
