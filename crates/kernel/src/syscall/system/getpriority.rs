//! `getpriority`, `setpriority`.

use super::common::{check_process, wishes};
use crate::{
    errno::{Errno, Result},
    sched,
    syscall::Args,
};
use linux_raw_sys::general::{PRIO_PGRP, PRIO_PROCESS, PRIO_USER};

fn check(args: &Args) -> Result<()> {
    let who = args.int(1);
    match args.uint(0) {
        PRIO_PROCESS if who == 0 || sched::find(who).is_some() => Ok(()),
        PRIO_PROCESS | PRIO_PGRP => check_process(who),
        PRIO_USER => check_process(if who == 0 { 0 } else { -1 }),
        _ => Err(Errno::EINVAL),
    }
}

/// The system call gives 20 minus the nice value, so that the answer is never negative (`getpriority(2)`, "C library/kernel differences").
pub(super) fn getpriority(args: &Args) -> Result<usize> {
    check(args)?;
    Ok((20 - wishes().lock().nice) as usize)
}

pub(super) fn setpriority(args: &Args) -> Result<usize> {
    check(args)?;
    wishes().lock().nice = args.int(2).clamp(-20, 19);
    Ok(0)
}
