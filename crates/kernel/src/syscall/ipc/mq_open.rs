//! `mq_open(3)`.

use super::common::name;
use crate::{
    errno::{Errno, Result},
    event::mqueue::{self, Limits, QueueFile},
    process::{self, credentials},
    syscall::Args,
};
use alloc::sync::Arc;
use linux_raw_sys::general as raw;

/// Opens a queue, and makes it: `mq_open(name, flags, mode, attributes)`.
pub(super) fn mq_open(args: &Args) -> Result<usize> {
    let flags = args.uint(1);
    let makes = flags & raw::O_CREAT != 0;
    // Flags, messages, size, messages that there are, and four that mean nothing.
    let attributes = args.ptr::<[i64; 8]>(3).non_null().filter(|_| makes);
    let attributes = attributes.map(|attributes| attributes.read()).transpose()?;
    let name = name(args.0[0])?;
    if flags & raw::O_ACCMODE == raw::O_ACCMODE {
        return Err(Errno::EINVAL);
    }
    let exclusive = flags & raw::O_EXCL != 0;
    let found = match mqueue::open(&name, None, false) {
        Err(Errno::ENOENT) if makes => {
            let limits = match attributes {
                Some([_, messages, size, ..]) => {
                    Limits::new(messages, size, credentials::get().lock().privileged())?
                }
                None => Limits::DEFAULT,
            };
            mqueue::open(&name, Some(limits), exclusive)
        }
        Ok(_) if makes && exclusive => Err(Errno::EEXIST),
        other => other,
    };
    let kept = flags & (raw::O_ACCMODE | raw::O_NONBLOCK);
    // Descriptors of queues are always closed on exec.
    process::install(Arc::new(QueueFile(found?)), kept | raw::O_CLOEXEC).map(|fd| fd as usize)
}
