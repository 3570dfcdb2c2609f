//! `setpgid`, `getpgid`, `getpgrp`.

use super::common::check_process;
use crate::{
    errno::{Errno, Result},
    process::PID,
    syscall::Args,
};

/// A session leader's group cannot be changed (`setpgid(2)`).
pub(super) fn setpgid(args: &Args) -> Result<usize> {
    if args.int(1) < 0 {
        return Err(Errno::EINVAL);
    }
    check_process(args.int(0))?;
    Err(Errno::EPERM)
}

pub(super) fn getpgid(args: &Args) -> Result<usize> {
    check_process(args.int(0))?;
    Ok(PID as usize)
}

pub(super) fn getpgrp(_: &Args) -> Result<usize> {
    Ok(PID as usize)
}
