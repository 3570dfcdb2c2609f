//! Checks of thread and process numbers.

use crate::{
    errno::{Errno, Result},
    process::PID,
    sched::{self, Thread},
};
use alloc::sync::Arc;

pub(super) use crate::process::credentials::{Ids, get as credentials};

/// The thread with that number, for the calls of `sched(7)`; 0 is the caller.
///
/// # Errors
///
/// `EINVAL` for negative numbers, `ESRCH`.
pub(super) fn thread(number: i32) -> Result<Arc<Thread>> {
    match number {
        ..0 => Err(Errno::EINVAL),
        0 => Ok(sched::current()),
        _ => sched::find(number).ok_or(Errno::ESRCH),
    }
}

/// Checks that a process number is ours; 0 is the caller.
pub(super) fn check_process(number: i32) -> Result<()> {
    if number == 0 || number == PID {
        Ok(())
    } else {
        Err(Errno::ESRCH)
    }
}
