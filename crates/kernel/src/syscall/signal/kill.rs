//! `kill`.

use super::common::check_signal;
use crate::{
    errno::{Errno, Result},
    process::is_ours,
    signal::{info::SigInfo, send_process},
    syscall::Args,
};
use linux_raw_sys::general::SI_USER;

pub(super) fn kill(args: &Args) -> Result<usize> {
    let (pid, signal) = (args.int(0), args.int(1));
    check_signal(signal)?;
    // -1 is everybody but the first process and the caller, which is nobody, and so is any other group.
    if pid != 0 && !is_ours(pid) {
        return Err(Errno::ESRCH);
    }
    if signal != 0 {
        send_process(SigInfo::from_process(signal, SI_USER as i32))?;
    }
    Ok(0)
}
