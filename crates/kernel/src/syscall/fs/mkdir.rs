//! `mkdir(2)`: `mkdir`, `mkdirat`.

use super::common::{CWD, at, masked};
use crate::{errno::Result, fs::ops, syscall::Args, user};

fn make(dirfd: i32, path: u64, mode: u32) -> Result<usize> {
    let path = user::path(path)?;
    ops::mkdir(&at(dirfd, &path)?, masked(mode & 0o1777)).map(|_| 0)
}

/// `mkdir(const char *path, mode_t mode)`
pub(super) fn mkdir(args: &Args) -> Result<usize> {
    make(CWD, args.0[0], args.uint(1))
}

/// `mkdirat(int dirfd, const char *path, mode_t mode)`
pub(super) fn mkdirat(args: &Args) -> Result<usize> {
    make(args.int(0), args.0[1], args.uint(2))
}
