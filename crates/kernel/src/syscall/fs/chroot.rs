//! `chroot(2)`.

use super::common::{CWD, at};
use crate::{
    errno::{Errno, Result},
    fs::{self, Asker},
    syscall::Args,
    user,
};
use linux_raw_sys::general as raw;

/// `chroot(const char *path)`: the working directory stays where it is, even outside.
pub(super) fn chroot(args: &Args) -> Result<usize> {
    let path = user::path(args.0[0])?;
    let directory = at(CWD, &path)?.directory()?;
    if !Asker::current().can(raw::CAP_SYS_CHROOT) {
        return Err(Errno::EPERM);
    }
    fs::set_root(directory);
    Ok(0)
}
