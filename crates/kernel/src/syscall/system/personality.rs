//! `personality`.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// Asks for the personality, which is `PER_LINUX` (0).
const QUERY: u32 = 0xffff_ffff;

pub(super) fn personality(args: &Args) -> Result<usize> {
    match args.uint(0) {
        QUERY | 0 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}
