//! `mq_send(3)`, `mq_timedsend(3)`.

use super::common::{deadline, errno, queue};
use crate::{
    errno::{Errno, Result},
    event::mqueue::PRIORITIES,
    syscall::Args,
    wait::wait_until,
};

/// Sends a message: `mq_timedsend(queue, message, length, priority, timeout)`.
pub(super) fn mq_timedsend(args: &Args) -> Result<usize> {
    let (message, priority) = (args.slice(1), args.uint(3));
    let deadline = deadline(args.ptr(4))?;
    if priority >= PRIORITIES {
        return Err(Errno::EINVAL);
    }
    let (queue, open) = queue(args.int(0))?;
    if !open.writable() {
        return Err(Errno::EBADF);
    }
    if args.size(2) > queue.limits.size {
        return Err(Errno::EMSGSIZE);
    }
    // A copy: another thread may unmap it while this one waits for room.
    let message = message.bytes()?.to_vec();
    let send = || queue.send(priority, &message);
    match send() {
        Some(()) => Ok(0),
        None if open.nonblocking() => Err(Errno::EAGAIN),
        None => wait_until(&[queue.changed()], deadline, send)
            .map_err(errno)
            .map(|()| 0),
    }
}
