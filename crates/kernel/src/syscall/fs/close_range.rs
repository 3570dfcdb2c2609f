//! `close_range(2)`.

use crate::{
    errno::{Errno, Result},
    process::{self, process},
    syscall::Args,
};
use alloc::vec::Vec;

// Values of <linux/close_range.h>, which `linux-raw-sys` does not have.
/// Gives the process a descriptor table of its own first; nobody shares it here.
const CLOSE_RANGE_UNSHARE: u32 = 2;
/// Sets the close-on-exec flag instead of closing.
const CLOSE_RANGE_CLOEXEC: u32 = 4;

/// `close_range(unsigned int first, unsigned int last, int flags)`
pub(super) fn close_range(args: &Args) -> Result<usize> {
    let (first, last, flags) = (args.uint(0), args.uint(1), args.uint(2));
    if first > last || flags & !(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE) != 0 {
        return Err(Errno::EINVAL);
    }
    let inside = |fd: i32| (first..=last).contains(&(fd as u32));
    let open: Vec<i32> = process()
        .files
        .lock()
        .iter()
        .map(|(fd, _)| fd)
        .filter(|&fd| inside(fd))
        .collect();
    for fd in open {
        // They were open a moment ago, and nothing ran since but what closing them runs.
        let _ = match flags & CLOSE_RANGE_CLOEXEC {
            0 => process::close(fd),
            _ => process()
                .files
                .lock()
                .get_mut(fd)
                .map(|descriptor| descriptor.cloexec = true),
        };
    }
    Ok(0)
}
