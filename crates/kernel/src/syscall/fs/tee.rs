//! `tee(2)`.

use super::{
    common::{pipe, with_scratch},
    splice::{FLAGS, wait_unless},
};
use crate::{
    errno::{Errno, Result},
    file::Poll,
    process::open_file,
    syscall::Args,
};

/// `tee(int fd_in, int fd_out, size_t size, unsigned int flags)`
pub(super) fn tee(args: &Args) -> Result<usize> {
    let (count, flags) = (args.size(2), args.uint(3));
    if flags & !FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    if count == 0 {
        return Ok(0);
    }
    let (input, output) = (open_file(args.int(0))?, open_file(args.int(1))?);
    if !input.readable() || !output.writable() {
        return Err(Errno::EBADF);
    }
    let (source, target) = (
        pipe(&input).ok_or(Errno::EINVAL)?,
        pipe(&output).ok_or(Errno::EINVAL)?,
    );
    if source.is_same_pipe(target) {
        return Err(Errno::EINVAL);
    }
    with_scratch(|buffer| {
        let want = count.min(buffer.len());
        let held = wait_unless(&input, Poll::IN, flags, || source.peek(&mut buffer[..want]))?;
        if held == 0 {
            return Ok(0);
        }
        let room = wait_unless(&output, Poll::OUT, flags, || target.room())?;
        let copied = held.min(room);
        target.fill(&buffer[..copied]);
        Ok(copied)
    })
}
