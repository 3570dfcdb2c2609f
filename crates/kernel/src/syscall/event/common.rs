//! What the calls that wait for several files share: time-outs and signal masks.

use crate::{
    errno::{Errno, Result},
    sched,
    signal::info::SigSet,
    syscall::time::common::nanoseconds,
    time::{self, Instant},
    user::UserPtr,
};
use core::time::Duration;
use linux_raw_sys::general::__kernel_timespec;

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeout {
    /// Not at all.
    None,
    /// Until then.
    At(Instant),
    /// As long as it takes.
    Forever,
}

impl Timeout {
    /// Milliseconds; a negative number is for ever (`poll(2)`).
    pub(super) fn from_millis(millis: i32) -> Self {
        match u64::try_from(millis) {
            Err(_) => Self::Forever,
            Ok(0) => Self::None,
            Ok(millis) => Self::At(time::now() + Duration::from_millis(millis)),
        }
    }

    /// Nanoseconds.
    pub(super) fn from_nanos(ns: u64) -> Self {
        if ns == 0 {
            Self::None
        } else {
            Self::At(time::now() + Duration::from_nanos(ns))
        }
    }

    /// A `timespec`; the null pointer is for ever.
    pub(super) fn from_timespec(pointer: UserPtr<__kernel_timespec>) -> Result<Self> {
        match pointer.non_null() {
            None => Ok(Self::Forever),
            Some(pointer) => Ok(Self::from_nanos(nanoseconds(pointer.read()?)?)),
        }
    }

    /// For [`wait_until`](crate::wait::wait_until).
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::None => Some(Instant(0)),
            Self::At(deadline) => Some(deadline),
            Self::Forever => None,
        }
    }

    /// Nanoseconds that are left; `None` for ever.
    pub(super) fn remaining(self) -> Option<u64> {
        match self {
            Self::None => Some(0),
            Self::At(deadline) => Some(deadline.0.saturating_sub(time::now().0)),
            Self::Forever => None,
        }
    }
}

/// Runs `wait` with the signal mask that the program gave, if it gave one.
pub(super) fn with_mask(
    mask: UserPtr<SigSet>,
    size: usize,
    wait: impl FnOnce() -> Result<usize>,
) -> Result<usize> {
    let Some(mask) = mask.non_null() else {
        return wait();
    };
    if size != size_of::<SigSet>() {
        return Err(Errno::EINVAL);
    }
    let mask = mask.read()?;
    let thread = sched::current();
    thread.signals.set_wait_mask(mask);
    let result = wait();
    thread
        .signals
        .end_wait(matches!(result, Err(Errno::ERESTARTNOHAND | Errno::ERESTARTSYS)));
    result
}
