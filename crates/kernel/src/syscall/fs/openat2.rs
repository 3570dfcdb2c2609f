//! `openat2(2)`.

use super::{
    common::{at, masked},
    open::finish,
};
use crate::{
    errno::{Errno, Result},
    fs::{Limits, ops},
    syscall::Args,
    user::{self, UserSlice},
};
use linux_raw_sys::general as raw;

/// Bytes of `struct open_how` in its first version: flags, mode, resolve.
const SIZE: usize = 24;

/// The largest structure that is looked at (`openat2(2)`: a page).
const MAX_SIZE: usize = 4096;

/// All that `open(2)` knows.
const KNOWN_FLAGS: u32 = raw::O_ACCMODE
    | raw::O_CREAT
    | raw::O_EXCL
    | raw::O_NOCTTY
    | raw::O_TRUNC
    | raw::O_APPEND
    | raw::O_NONBLOCK
    | raw::O_SYNC
    | raw::FASYNC
    | raw::O_DIRECT
    | raw::O_LARGEFILE
    | raw::O_DIRECTORY
    | raw::O_NOFOLLOW
    | raw::O_NOATIME
    | raw::O_CLOEXEC
    | raw::O_PATH
    | raw::O_TMPFILE;

/// Flags, mode and resolve, checked.
fn how(args: &Args) -> Result<(u32, u32, u32)> {
    let size = args.size(3);
    if size < SIZE {
        return Err(Errno::EINVAL);
    }
    if size > MAX_SIZE {
        return Err(Errno::E2BIG);
    }
    if UserSlice::new(args.0[2], size).bytes()?[SIZE..]
        .iter()
        .any(|&byte| byte != 0)
    {
        return Err(Errno::E2BIG);
    }
    let [flags, mode, resolve] = args.ptr::<[u64; 3]>(2).read()?;
    let makes = flags & u64::from(raw::O_CREAT) != 0
        || flags & u64::from(raw::O_TMPFILE) == u64::from(raw::O_TMPFILE);
    let known_mode = if makes { 0o7777 } else { 0 };
    let root_or_beneath = u64::from(raw::RESOLVE_BENEATH | raw::RESOLVE_IN_ROOT);
    let path_flags = raw::O_PATH | raw::O_DIRECTORY | raw::O_NOFOLLOW | raw::O_CLOEXEC;
    let wrong = flags & !u64::from(KNOWN_FLAGS) != 0
        || mode & !known_mode != 0
        || resolve & !u64::from(Limits::all().bits() | raw::RESOLVE_CACHED) != 0
        || resolve & root_or_beneath == root_or_beneath
        || flags & u64::from(raw::O_PATH) != 0 && flags & !u64::from(path_flags) != 0;
    if wrong {
        return Err(Errno::EINVAL);
    }
    if resolve & u64::from(raw::RESOLVE_CACHED) != 0 && flags & u64::from(raw::O_CREAT | raw::O_TRUNC) != 0 {
        return Err(Errno::EAGAIN);
    }
    Ok((flags as u32, mode as u32, resolve as u32))
}

/// `openat2(int dirfd, const char *path, const struct open_how *how, size_t size)`
pub(super) fn openat2(args: &Args) -> Result<usize> {
    let (flags, mode, resolve) = how(args)?;
    let path = user::path(args.0[1])?;
    let limits = Limits::from_bits_truncate(resolve);
    let relative = match limits.contains(Limits::IN_ROOT) {
        // What is absolute starts at the directory, too.
        true => alloc::format!("./{path}"),
        false => path,
    };
    let mut at = at(args.int(0), &relative)?;
    if limits.contains(Limits::IN_ROOT) {
        at.root = at.start.clone();
    }
    at.limits = limits;
    finish(ops::open(&at, flags, masked(mode))?, flags)
}
