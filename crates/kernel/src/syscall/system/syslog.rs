//! `syslog`: the kernel's log is the console, and nothing of it is kept.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

pub(super) fn syslog(args: &Args) -> Result<usize> {
    match args.int(0) {
        // Close and open; read, read all, read and clear find nothing; clear, console off, on, level; size unread, size of the buffer.
        0..=10 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}
