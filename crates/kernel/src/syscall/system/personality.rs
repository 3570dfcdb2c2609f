//! `personality`.

use crate::{errno::Result, process::process, syscall::Args};
use core::sync::atomic::Ordering;

/// Asks for the personality.
const QUERY: u32 = 0xffff_ffff;

/// Gives the personality, and changes it. It is kept and shown, and changes what `uname(2)` says of the machine; addresses are the same at each start anyway.
pub(super) fn personality(args: &Args) -> Result<usize> {
    let kept = &process().personality;
    let before = match args.uint(0) {
        QUERY => kept.load(Ordering::Relaxed),
        new => kept.swap(new, Ordering::Relaxed),
    };
    Ok(before as usize)
}
