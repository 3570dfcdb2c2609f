//! `pkey_alloc(2)` and `pkey_free(2)`: as on a processor without protection keys, whose programs do without.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// `PKEY_DISABLE_ACCESS | PKEY_DISABLE_WRITE`.
const RIGHTS: u64 = 3;

/// There is no key to be had.
pub(super) fn pkey_alloc(args: &Args) -> Result<usize> {
    if args.0[0] != 0 || args.0[1] & !RIGHTS != 0 {
        return Err(Errno::EINVAL);
    }
    Err(Errno::ENOSPC)
}

/// No key was given.
pub(super) fn pkey_free(_args: &Args) -> Result<usize> {
    Err(Errno::EINVAL)
}
