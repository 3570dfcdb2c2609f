//! `getpid`, `getppid`.

use crate::{errno::Result, process::PID, syscall::Args};

pub(super) fn getpid(_: &Args) -> Result<usize> {
    Ok(PID as usize)
}

/// The first process has no parent.
pub(super) fn getppid(_: &Args) -> Result<usize> {
    Ok(0)
}
