//! `nanosleep`.

use super::common::{nanoseconds, timespec};
use crate::{
    errno::{Errno, Result},
    sched,
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
/// `ERESTART_RESTARTBLOCK` when a signal came, `EFAULT`.
pub(super) fn sleep_for(ns: u64, remaining: UserPtr<__kernel_timespec>) -> Result<usize> {
    rest(time::now() + Duration::from_nanos(ns), remaining)
}

/// Sleeps until `end`; interrupted, it goes on with what is left.
fn rest(end: Instant, remaining: UserPtr<__kernel_timespec>) -> Result<usize> {
    let Err(Interrupted::Signal) = wait_until(&[], Some(end), || None::<()>) else {
        return Ok(0);
    };
    let left = end.since(time::now()).as_nanos() as u64;
    // As in Linux, a bad pointer does not change the answer: the signal is what the program must hear of.
    let _ = remaining.write_if_some(timespec(left));
    sched::current().resume_with(move || rest(end, remaining));
    Err(Errno::ERESTART_RESTARTBLOCK)
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
