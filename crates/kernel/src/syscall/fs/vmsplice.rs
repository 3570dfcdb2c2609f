//! `vmsplice(2)`: as `writev` to a pipe or `readv` from one; the bytes are copied, so the memory may be used again at once.

use super::{
    common::pipe,
    readv::{Parts, read_parts},
    splice::{FLAGS, wait_unless},
};
use crate::{
    errno::{Errno, Result},
    file::Poll,
    process::open_file,
    syscall::Args,
};

/// `vmsplice(int fd, const struct iovec *iov, size_t nr_segs, unsigned int flags)`
pub(super) fn vmsplice(args: &Args) -> Result<usize> {
    let flags = args.uint(3);
    if flags & !FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    let open = open_file(args.int(0))?;
    let end = pipe(&open).ok_or(Errno::EBADF)?;
    let parts = Parts::new(args)?;
    if parts.is_empty() {
        return Ok(0);
    }
    if end.writes() {
        // It waits for some room, not for enough of it.
        wait_unless(&open, Poll::OUT, flags, || end.room())?;
        parts.each_byte_run(|part| {
            let room = end.room()?.min(part.len());
            end.fill(&part.bytes()?[..room]);
            Ok(room)
        })
    } else {
        wait_unless(&open, Poll::IN, flags, || end.peek(&mut [0]))?;
        read_parts(&open, parts, None)
    }
}
