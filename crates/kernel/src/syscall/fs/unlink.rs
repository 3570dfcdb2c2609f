//! `unlink(2)`: `unlink`, `unlinkat`.

use super::common::{CWD, at};
use crate::{
    errno::{Errno, Result},
    fs::ops,
    syscall::Args,
    user,
};
use linux_raw_sys::general::AT_REMOVEDIR;

/// `unlink(const char *path)`
pub(super) fn unlink(args: &Args) -> Result<usize> {
    let path = user::path(args.0[0])?;
    ops::unlink(&at(CWD, &path)?).map(|()| 0)
}

/// `unlinkat(int dirfd, const char *path, int flags)`
pub(super) fn unlinkat(args: &Args) -> Result<usize> {
    let flags = args.uint(2);
    if flags & !AT_REMOVEDIR != 0 {
        return Err(Errno::EINVAL);
    }
    let path = user::path(args.0[1])?;
    let at = at(args.int(0), &path)?;
    if flags & AT_REMOVEDIR != 0 {
        ops::rmdir(&at)?
    } else {
        ops::unlink(&at)?
    }
    Ok(0)
}
