//! `open(2)`: `open`, `openat`, `creat`.

use super::common::{CWD, at, masked};
use crate::{errno::Result, file::OpenFile, fs::ops, process::install_open, syscall::Args, user};
use alloc::sync::Arc;
use linux_raw_sys::general as raw;

fn open_at(dirfd: i32, path: u64, flags: u32, mode: u32) -> Result<usize> {
    let path = user::path(path)?;
    finish(ops::open(&at(dirfd, &path)?, flags, masked(mode))?, flags)
}

/// Gives what was opened a descriptor.
pub(super) fn finish(open: Arc<OpenFile>, flags: u32) -> Result<usize> {
    install_open(open, flags & raw::O_CLOEXEC != 0, 0).map(|fd| fd as usize)
}

/// `open(const char *path, int flags, mode_t mode)`
pub(super) fn open(args: &Args) -> Result<usize> {
    open_at(CWD, args.0[0], args.uint(1), args.uint(2))
}

/// `openat(int dirfd, const char *path, int flags, mode_t mode)`
pub(super) fn openat(args: &Args) -> Result<usize> {
    open_at(args.int(0), args.0[1], args.uint(2), args.uint(3))
}

/// `creat(const char *path, mode_t mode)`
pub(super) fn creat(args: &Args) -> Result<usize> {
    open_at(
        CWD,
        args.0[0],
        raw::O_CREAT | raw::O_WRONLY | raw::O_TRUNC,
        args.uint(1),
    )
}
