//! `getpriority`, `setpriority`.

use super::common::{check_process, set_wishes};
use crate::{
    errno::{Errno, Result},
    sched::{self, Thread, Wishes},
    syscall::Args,
};
use alloc::{sync::Arc, vec, vec::Vec};
use linux_raw_sys::general::{PRIO_PGRP, PRIO_PROCESS, PRIO_USER};

/// The threads that are meant: nice values belong to threads (`setpriority(2)`, "C library/kernel differences"), a group or a user has all of them.
fn targets(args: &Args) -> Result<Vec<Arc<Thread>>> {
    let who = args.int(1);
    match args.uint(0) {
        PRIO_PROCESS if who == 0 => Ok(vec![sched::current()]),
        PRIO_PROCESS => sched::find(who).map(|thread| vec![thread]).ok_or(Errno::ESRCH),
        PRIO_PGRP => check_process(who).map(|()| sched::threads()),
        PRIO_USER => check_process(if who == 0 { 0 } else { -1 }).map(|()| sched::threads()),
        _ => Err(Errno::EINVAL),
    }
}

/// The system call gives 20 minus the nice value, so that the answer is never negative (`getpriority(2)`, "C library/kernel differences").
pub(super) fn getpriority(args: &Args) -> Result<usize> {
    let nice = targets(args)?.iter().map(|thread| thread.wishes().nice).min();
    Ok((20 - i32::from(nice.unwrap_or(0))) as usize)
}

pub(super) fn setpriority(args: &Args) -> Result<usize> {
    let nice = args.int(2).clamp(-20, 19) as i8;
    for thread in targets(args)? {
        let wishes = thread.wishes();
        // What is EPERM elsewhere is EACCES here (`setpriority(2)`).
        set_wishes(&thread, Wishes { nice, ..wishes }).map_err(|_| Errno::EACCES)?;
    }
    Ok(0)
}
