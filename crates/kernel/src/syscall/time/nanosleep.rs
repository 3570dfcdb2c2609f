//! `nanosleep`.

use super::common::{nanoseconds, timespec};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
    time::{self, Instant},
    user::UserPtr,
    wait::{Interrupted, wait_until},
};
use core::time::Duration;
use linux_raw_sys::general::__kernel_timespec;

pub(super) fn nanosleep(args: &Args) -> Result<usize> {
    let ns = nanoseconds(args.ptr::<__kernel_timespec>(0).read()?)?;
    sleep_for(ns, args.ptr(1))
}

/// Sleeps for `ns` nanoseconds; what is left of them when a signal comes goes to `remaining`.
///
/// # Errors
///
/// `ERESTARTNOHAND` when a signal came, `EFAULT`.
pub(super) fn sleep_for(ns: u64, remaining: UserPtr<__kernel_timespec>) -> Result<usize> {
    let end = time::now() + Duration::from_nanos(ns);
    sleep_until(end).inspect_err(|_| {
        let left = end.since(time::now()).as_nanos() as u64;
        // As in Linux, a bad pointer does not change the answer: the signal is what the program must hear of.
        let _ = remaining.write_if_some(timespec(left));
    })
}

/// Sleeps until `end`.
///
/// # Errors
///
/// `ERESTARTNOHAND` when a signal came.
pub(super) fn sleep_until(end: Instant) -> Result<usize> {
    match wait_until(&[], Some(end), || None::<()>) {
        Err(Interrupted::Signal) => Err(Errno::ERESTARTNOHAND),
        Ok(()) | Err(Interrupted::TimedOut) => Ok(0),
    }
}
