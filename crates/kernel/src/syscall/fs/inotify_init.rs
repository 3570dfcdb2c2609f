//! `inotify_init(2)`, refused; the row says why.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// Always `ENOSYS`.
pub(super) fn inotify_init(_args: &Args) -> Result<usize> {
    Err(Errno::ENOSYS)
}
