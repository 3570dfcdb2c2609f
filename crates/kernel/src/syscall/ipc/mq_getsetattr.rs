//! `mq_getattr(3)`, `mq_setattr(3)`.

use super::common::queue;
use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Tells a queue's attributes, and changes whether the descriptor waits: `mq_getsetattr(queue, new, old)`.
pub(super) fn mq_getsetattr(args: &Args) -> Result<usize> {
    let new = args.ptr::<[i64; 8]>(1).non_null();
    let new = new.map(|new| new.read()).transpose()?;
    let waits_not = i64::from(raw::O_NONBLOCK);
    if new.is_some_and(|[flags, ..]| flags & !waits_not != 0) {
        return Err(Errno::EINVAL);
    }
    let (queue, open) = queue(args.int(0))?;
    let mut attributes = [0i64; 8];
    attributes[0] = i64::from(open.flags() & raw::O_NONBLOCK);
    attributes[1] = queue.limits.messages as i64;
    attributes[2] = queue.limits.size as i64;
    attributes[3] = queue.len() as i64;
    if let Some([flags, ..]) = new {
        open.set_status_flags(open.flags() & !raw::O_NONBLOCK | flags as u32);
    }
    args.ptr::<[i64; 8]>(2).write_if_some(attributes)?;
    Ok(0)
}
