//! `getrandom`.

use crate::entropy;
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general::{GRND_INSECURE, GRND_NONBLOCK, GRND_RANDOM};

/// The most that one call gives (`getrandom(2)`).
const MOST: usize = 0x01ff_ffff;

pub(super) fn getrandom(args: &Args) -> Result<usize> {
    let flags = args.uint(2);
    let both = GRND_INSECURE | GRND_RANDOM;
    if flags & !(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    let buffer = args.slice(0).take(MOST);
    entropy::fill(buffer.bytes_mut()?);
    Ok(buffer.len())
}
