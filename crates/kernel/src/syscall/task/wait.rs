//! `wait(2)` and its family: there is never a child.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// Answers that there is no child to wait for.
pub(super) fn wait4(_args: &Args) -> Result<usize> {
    Err(Errno::ECHILD)
}
