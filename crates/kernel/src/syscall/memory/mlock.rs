//! `mlock(2)` and its family.

use crate::{
    errno::{Errno, Result},
    mm::{
        self,
        space::{self, Lockdown},
    },
    process::{credentials, process},
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// `mlock(2)`: makes a range present, and keeps `MADV_DONTNEED` from it. Nothing is ever swapped out, so that is all.
pub(super) fn mlock(args: &Args) -> Result<usize> {
    space::lock(args.0[0], args.0[1], Lockdown::Now, limit()?).map(|()| 0)
}

/// `mlock2(2)`.
pub(super) fn mlock2(args: &Args) -> Result<usize> {
    let flags = args.uint(2);
    if flags & !raw::MLOCK_ONFAULT != 0 {
        return Err(Errno::EINVAL);
    }
    space::lock(args.0[0], args.0[1], lockdown(flags != 0), limit()?).map(|()| 0)
}

/// `munlock(2)`.
pub(super) fn munlock(args: &Args) -> Result<usize> {
    space::lock(args.0[0], args.0[1], Lockdown::No, u64::MAX).map(|()| 0)
}

/// `mlockall(2)`.
pub(super) fn mlockall(args: &Args) -> Result<usize> {
    let flags = args.uint(0);
    if flags & !(raw::MCL_CURRENT | raw::MCL_FUTURE | raw::MCL_ONFAULT) != 0
        || flags & (raw::MCL_CURRENT | raw::MCL_FUTURE) == 0
    {
        return Err(Errno::EINVAL);
    }
    let limit = limit()?;
    if flags & raw::MCL_CURRENT != 0 && mm::usage().mapped > limit {
        return Err(Errno::ENOMEM);
    }
    let how = lockdown(flags & raw::MCL_ONFAULT != 0);
    space::lock_future(if flags & raw::MCL_FUTURE != 0 {
        how
    } else {
        Lockdown::No
    });
    if flags & raw::MCL_CURRENT != 0 {
        space::lock_all(how);
    }
    Ok(0)
}

/// `munlockall(2)`.
pub(super) fn munlockall(_args: &Args) -> Result<usize> {
    space::lock_future(Lockdown::No);
    space::lock_all(Lockdown::No);
    Ok(0)
}

/// How many bytes the program may lock: without privilege `RLIMIT_MEMLOCK`, and where that is 0 it may not lock at all.
///
/// # Errors
///
/// `EPERM`.
pub(super) fn limit() -> Result<u64> {
    if credentials::get().lock().privileged() {
        return Ok(u64::MAX);
    }
    match process().limits.lock()[raw::RLIMIT_MEMLOCK as usize].rlim_cur {
        0 => Err(Errno::EPERM),
        limit => Ok(limit),
    }
}

const fn lockdown(on_fault: bool) -> Lockdown {
    if on_fault {
        Lockdown::OnFault
    } else {
        Lockdown::Now
    }
}
