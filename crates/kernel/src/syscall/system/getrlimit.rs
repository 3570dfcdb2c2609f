//! `getrlimit`, `setrlimit`, `prlimit64`.

use super::common::{check_process, credentials};
use crate::{
    errno::{Errno, Result},
    file::MAX_FDS,
    process::process,
    signal::timers,
    syscall::Args,
};
use linux_raw_sys::general::{RLIM_NLIMITS, RLIMIT_CPU, RLIMIT_NOFILE, rlimit64};

pub(super) fn getrlimit(args: &Args) -> Result<usize> {
    let limit = exchange(args.uint(0), None)?;
    args.ptr::<rlimit64>(1).write(limit)?;
    Ok(0)
}

pub(super) fn setrlimit(args: &Args) -> Result<usize> {
    exchange(args.uint(0), Some(args.ptr::<rlimit64>(1).read()?))?;
    Ok(0)
}

pub(super) fn prlimit(args: &Args) -> Result<usize> {
    let new = args
        .ptr::<rlimit64>(2)
        .non_null()
        .map(|new| new.read())
        .transpose()?;
    check_process(args.int(0))?;
    let before = exchange(args.uint(1), new)?;
    args.ptr::<rlimit64>(3).write_if_some(before)?;
    Ok(0)
}

/// The limit as it was; sets the new one, if there is one.
fn exchange(resource: u32, new: Option<rlimit64>) -> Result<rlimit64> {
    if resource >= RLIM_NLIMITS {
        return Err(Errno::EINVAL);
    }
    let privileged = credentials().lock().privileged();
    let mut limits = process().limits.lock();
    let limit = &mut limits[resource as usize];
    let before = *limit;
    if let Some(new) = new {
        if new.rlim_cur > new.rlim_max {
            return Err(Errno::EINVAL);
        }
        let too_many = resource == RLIMIT_NOFILE && new.rlim_max > MAX_FDS as u64;
        if too_many || (!privileged && new.rlim_max > before.rlim_max) {
            return Err(Errno::EPERM);
        }
        *limit = new;
        drop(limits);
        if resource == RLIMIT_CPU {
            timers::limit_cpu_time(new.rlim_cur);
        }
    }
    Ok(before)
}
