//! `openat2(2)`, refused; the row says why.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// Always `ENOSYS`.
pub(super) fn openat2(_args: &Args) -> Result<usize> {
    Err(Errno::ENOSYS)
}
