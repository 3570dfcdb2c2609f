//! `symlink(2)`: `symlink`, `symlinkat`.

use super::common::{CWD, at};
use crate::{errno::Result, fs::ops, syscall::Args, user};

fn link(target: u64, dirfd: i32, path: u64) -> Result<usize> {
    let (target, path) = (user::path(target)?, user::path(path)?);
    ops::symlink(&target, &at(dirfd, &path)?).map(|()| 0)
}

/// `symlink(const char *target, const char *linkpath)`
pub(super) fn symlink(args: &Args) -> Result<usize> {
    link(args.0[0], CWD, args.0[1])
}

/// `symlinkat(const char *target, int newdirfd, const char *linkpath)`
pub(super) fn symlinkat(args: &Args) -> Result<usize> {
    link(args.0[0], args.int(1), args.0[2])
}
