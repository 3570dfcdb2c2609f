//! `rename(2)`: `rename`, `renameat`, `renameat2`.

use super::common::{CWD, at};
use crate::{
    errno::{Errno, Result},
    fs::ops,
    syscall::Args,
    user,
};
use linux_raw_sys::general::{RENAME_EXCHANGE, RENAME_NOREPLACE};

fn rename_at(old: (i32, u64), new: (i32, u64), flags: u32) -> Result<usize> {
    // RENAME_WHITEOUT is for file systems that are put on top of each other by programs.
    if flags & !(RENAME_NOREPLACE | RENAME_EXCHANGE) != 0 || flags == RENAME_NOREPLACE | RENAME_EXCHANGE {
        return Err(Errno::EINVAL);
    }
    let (old_path, new_path) = (user::path(old.1)?, user::path(new.1)?);
    ops::rename(&at(old.0, &old_path)?, &at(new.0, &new_path)?, flags).map(|()| 0)
}

/// `rename(const char *oldpath, const char *newpath)`
pub(super) fn rename(args: &Args) -> Result<usize> {
    rename_at((CWD, args.0[0]), (CWD, args.0[1]), 0)
}

/// `renameat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath)`
pub(super) fn renameat(args: &Args) -> Result<usize> {
    rename_at((args.int(0), args.0[1]), (args.int(2), args.0[3]), 0)
}

/// `renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, unsigned int flags)`
pub(super) fn renameat2(args: &Args) -> Result<usize> {
    rename_at((args.int(0), args.0[1]), (args.int(2), args.0[3]), args.uint(4))
}
