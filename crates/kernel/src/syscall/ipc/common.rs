//! What the calls of message queues share.

use crate::{
    errno::{Errno, Result},
    event::mqueue::{Queue, QueueFile},
    file::OpenFile,
    process,
    syscall::time::common::{from_realtime, nanoseconds},
    time::Instant,
    user::{UserPtr, c_string},
    wait::Interrupted,
};
use alloc::{sync::Arc, vec::Vec};
use linux_raw_sys::general::__kernel_timespec;

/// Longest name (`NAME_MAX`).
const NAME_MAX: usize = 255;

/// A queue's name. The slash before it is the C library's.
///
/// # Errors
///
/// `ENOENT` for none, `EACCES` for one with a slash, `ENAMETOOLONG`.
pub(super) fn name(address: u64) -> Result<Vec<u8>> {
    let name = c_string(address, crate::user::PATH_MAX)?;
    match &*name {
        b"" => Err(Errno::ENOENT),
        b"." | b".." => Err(Errno::EACCES),
        name if name.contains(&b'/') => Err(Errno::EACCES),
        name if name.len() > NAME_MAX => Err(Errno::ENAMETOOLONG),
        _ => Ok(name),
    }
}

/// The queue behind a descriptor, and its open file description.
///
/// # Errors
///
/// `EBADF`.
pub(super) fn queue(fd: i32) -> Result<(Arc<Queue>, Arc<OpenFile>)> {
    let open = process::open_file(fd)?;
    let file = open.file.as_any().downcast_ref::<QueueFile>();
    let queue = file.ok_or(Errno::EBADF)?.0.clone();
    Ok((queue, open))
}

/// A time-out, which is a time of `CLOCK_REALTIME`; `None` for ever.
///
/// # Errors
///
/// `EFAULT`, `EINVAL`.
pub(super) fn deadline(time: UserPtr<__kernel_timespec>) -> Result<Option<Instant>> {
    let time = time.non_null().map(|time| time.read()).transpose()?;
    Ok(time.map(nanoseconds).transpose()?.map(from_realtime))
}

/// What a wait that ended answers.
pub(super) const fn errno(reason: Interrupted) -> Errno {
    match reason {
        Interrupted::TimedOut => Errno::ETIMEDOUT,
        Interrupted::Signal => Errno::ERESTARTSYS,
    }
}
