//! Checks of thread and process numbers.

use crate::{
    errno::{Errno, Result},
    process::PID,
    sched::{self, Thread, Wishes},
    syscall::task::futex,
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

/// Changes how a thread is scheduled, as far as the program may: without privilege there is no realtime (`RLIMIT_RTPRIO` is 0) but a lower priority than there was,
/// and no lower nice value (`sched(7)`, "Privileges and resource limits").
///
/// # Errors
///
/// `EPERM`.
pub(super) fn set_wishes(thread: &Arc<Thread>, wishes: Wishes) -> Result<()> {
    let before = thread.wishes();
    let same_policy = wishes.policy == before.policy && wishes.priority <= before.priority;
    let realtime = wishes.priority > 0 && !same_policy;
    let drops_reset = before.reset_on_fork && !wishes.reset_on_fork;
    let more = realtime || wishes.nice < before.nice || drops_reset;
    if more && !credentials().lock().privileged() {
        return Err(Errno::EPERM);
    }
    sched::set_wishes(thread, wishes);
    futex::priority_changed(thread.tid);
    Ok(())
}

/// Checks that a process number is ours; 0 is the caller.
pub(super) fn check_process(number: i32) -> Result<()> {
    if number == 0 || number == PID {
        Ok(())
    } else {
        Err(Errno::ESRCH)
    }
}
