//! `fanotify_init(2)`, refused; the row says why.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// Always `ENOSYS`.
pub(super) fn fanotify_init(_args: &Args) -> Result<usize> {
    Err(Errno::ENOSYS)
}
