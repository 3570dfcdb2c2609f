//! `splice(2)`, refused; the row says why.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// Always `EINVAL`.
pub(super) fn splice(_args: &Args) -> Result<usize> {
    Err(Errno::EINVAL)
}
