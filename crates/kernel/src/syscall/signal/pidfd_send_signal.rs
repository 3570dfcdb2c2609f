//! `pidfd_send_signal(2)`.

use super::common::{check_signal, thread};
use crate::{
    errno::{Errno, Result},
    event::pidfd::PidFd,
    fs::path_of,
    process::{PID, open_file},
    signal::{info::SigInfo, send_process, send_thread},
    syscall::Args,
};
use alloc::format;
use linux_raw_sys::general::SI_USER;

/// Flags of `linux/pidfd.h`: to the thread, to its process, to its group of processes.
const THREAD: u32 = 1;
const THREAD_GROUP: u32 = 2;
const PROCESS_GROUP: u32 = 4;

/// The thread that a descriptor stands for, or the process: also its directory in `/proc` does, as in the time before `pidfd_open(2)`.
fn target(fd: i32) -> Result<Option<i32>> {
    let open = open_file(fd)?;
    if let Some(file) = open.file.as_any().downcast_ref::<PidFd>() {
        return Ok(file.thread);
    }
    match path_of(&open) {
        Some(path) if path == format!("/proc/{PID}") => Ok(None),
        _ => Err(Errno::EBADF),
    }
}

/// `pidfd_send_signal(int pidfd, int sig, siginfo_t *info, unsigned int flags)`
pub(super) fn pidfd_send_signal(args: &Args) -> Result<usize> {
    let (signal, flags) = (args.int(1), args.uint(3));
    if !matches!(flags, 0 | THREAD | THREAD_GROUP | PROCESS_GROUP) {
        return Err(Errno::EINVAL);
    }
    let target = target(args.int(0))?;
    let info = match args.ptr::<SigInfo>(2).non_null() {
        Some(info) => Some(info.read()?).filter(|info| info.signo == signal),
        None => Some(SigInfo::from_process(signal, SI_USER as i32)),
    };
    let info = info.ok_or(Errno::EINVAL)?;
    if check_signal(signal)? == 0 {
        return Ok(0);
    }
    match target {
        Some(tid) if matches!(flags, 0 | THREAD) => send_thread(&thread(tid)?, info)?,
        _ => send_process(info)?,
    }
    Ok(0)
}
