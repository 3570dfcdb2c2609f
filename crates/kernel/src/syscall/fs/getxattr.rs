//! `getxattr(2)`, refused; the row says why.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// Always `EOPNOTSUPP`.
pub(super) fn getxattr(_args: &Args) -> Result<usize> {
    Err(Errno::EOPNOTSUPP)
}
