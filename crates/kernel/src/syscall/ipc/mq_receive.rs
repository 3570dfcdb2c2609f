//! `mq_receive(3)`, `mq_timedreceive(3)`.

use super::common::{deadline, errno, queue};
use crate::{
    errno::{Errno, Result},
    syscall::Args,
    wait::wait_until,
};

/// Takes a message: `mq_timedreceive(queue, buffer, length, priority, timeout)`.
pub(super) fn mq_timedreceive(args: &Args) -> Result<usize> {
    let buffer = args.slice(1);
    let deadline = deadline(args.ptr(4))?;
    let (queue, open) = queue(args.int(0))?;
    if !open.readable() {
        return Err(Errno::EBADF);
    }
    if args.size(2) < queue.limits.size {
        return Err(Errno::EMSGSIZE);
    }
    let (priority, message) = match queue.receive() {
        Some(taken) => taken,
        None if open.nonblocking() => return Err(Errno::EAGAIN),
        None => queue
            .waiting(|changed| wait_until(&[changed], deadline, || queue.receive()))
            .map_err(errno)?,
    };
    buffer.take(message.len()).bytes_mut()?.copy_from_slice(&message);
    args.ptr::<u32>(3).write_if_some(priority)?;
    Ok(message.len())
}
