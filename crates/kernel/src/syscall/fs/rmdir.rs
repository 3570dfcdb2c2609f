//! `rmdir(2)`.

use super::common::{CWD, at};
use crate::{errno::Result, fs::ops, syscall::Args, user};

/// `rmdir(const char *path)`
pub(super) fn rmdir(args: &Args) -> Result<usize> {
    let path = user::path(args.0[0])?;
    ops::rmdir(&at(CWD, &path)?).map(|()| 0)
}
