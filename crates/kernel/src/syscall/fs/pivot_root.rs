//! `pivot_root(2)`, refused; the row says why.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// Always `EPERM`.
pub(super) fn pivot_root(_args: &Args) -> Result<usize> {
    Err(Errno::EPERM)
}
