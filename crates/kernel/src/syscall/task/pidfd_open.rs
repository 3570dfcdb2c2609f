//! `pidfd_open(2)`.

use crate::{
    errno::{Errno, Result},
    event::pidfd::PidFd,
    process::{PID, install},
    sched,
    syscall::Args,
    wait::WaitQueue,
};
use alloc::sync::Arc;
use linux_raw_sys::general::{O_CLOEXEC, O_EXCL, O_NONBLOCK, O_RDWR};

/// `PIDFD_THREAD` of `linux/pidfd.h`: any thread, not only the first.
const PIDFD_THREAD: u32 = O_EXCL;

/// `pidfd_open(pid_t pid, unsigned int flags)`
pub(super) fn pidfd_open(args: &Args) -> Result<usize> {
    let (number, flags) = (args.int(0), args.uint(1));
    if flags & !(O_NONBLOCK | PIDFD_THREAD) != 0 || number <= 0 {
        return Err(Errno::EINVAL);
    }
    let any_thread = flags & PIDFD_THREAD != 0;
    match sched::find(number) {
        None => return Err(Errno::ESRCH),
        Some(_) if number != PID && !any_thread => return Err(Errno::EINVAL),
        Some(_) => {}
    }
    let file = Arc::new(PidFd {
        thread: any_thread.then_some(number),
        never: WaitQueue::new(),
    });
    install(file, O_RDWR | O_CLOEXEC | flags & O_NONBLOCK).map(|fd| fd as usize)
}
