//! How the program's threads would like to be scheduled, kept because programs set it and ask for it back; and checks of numbers.

use crate::{
    errno::{Errno, Result},
    process::PID,
    sched,
    sync::Lock,
};

pub(super) use crate::process::credentials::{Ids, get as credentials};

/// Scheduling wishes of the process.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wishes {
    /// `SCHED_*`.
    pub(super) policy: u32,
    /// Realtime priority.
    pub(super) priority: i32,
    /// Nice value, -20 to 19.
    pub(super) nice: i32,
}

static WISHES: Lock<Wishes> = Lock::new(Wishes {
    policy: 0,
    priority: 0,
    nice: 0,
});

/// Scheduling wishes of the process.
pub(super) fn wishes() -> &'static Lock<Wishes> {
    &WISHES
}

/// Checks that a process or thread number is one of ours; 0 is the caller.
pub(super) fn check_thread(number: i32) -> Result<()> {
    match number {
        ..0 => Err(Errno::EINVAL),
        0 | PID => Ok(()),
        _ => sched::find(number).map(drop).ok_or(Errno::ESRCH),
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
