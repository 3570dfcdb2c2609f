//! `rt_sigqueueinfo`, `rt_tgsigqueueinfo`.

use super::common::{check_signal, thread};
use crate::{
    errno::{Errno, Result},
    process::{PID, is_ours},
    signal::{info::SigInfo, send_process, send_thread},
    syscall::Args,
};

pub(super) fn rt_sigqueueinfo(args: &Args) -> Result<usize> {
    let signal = args.int(1);
    let info = info(args, 2, signal)?;
    if !is_ours(args.int(0)) {
        return Err(Errno::ESRCH);
    }
    if check_signal(signal)? != 0 {
        send_process(info)?;
    }
    Ok(0)
}

pub(super) fn rt_tgsigqueueinfo(args: &Args) -> Result<usize> {
    let signal = args.int(2);
    let info = info(args, 3, signal)?;
    if args.int(0) <= 0 || args.int(1) <= 0 {
        return Err(Errno::EINVAL);
    }
    if args.int(0) != PID {
        return Err(Errno::ESRCH);
    }
    let thread = thread(args.int(1))?;
    if check_signal(signal)? != 0 {
        send_thread(&thread, info)?;
    }
    Ok(0)
}

/// The program may send itself any information, also such as only the kernel sends to others.
fn info(args: &Args, index: usize, signal: i32) -> Result<SigInfo> {
    let mut info = args.ptr::<SigInfo>(index).read()?;
    info.signo = signal;
    Ok(info)
}
