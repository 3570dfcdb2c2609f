//! `execve(2)`: refused, as the program of a unikernel is chosen at boot.

use crate::{errno::Result, syscall::Args};

/// Refuses another program.
pub(super) fn execve(_args: &Args) -> Result<usize> {
    super::fork::refuse("execve")
}
