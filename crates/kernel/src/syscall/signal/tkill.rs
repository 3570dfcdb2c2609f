//! `tkill`, `tgkill`.

use super::common::{check_signal, thread};
use crate::{
    errno::{Errno, Result},
    process::PID,
    signal::{info::SigInfo, send_thread},
    syscall::Args,
};
use linux_raw_sys::general::SI_TKILL;

pub(super) fn tkill(args: &Args) -> Result<usize> {
    send(args.int(0), args.int(1))
}

pub(super) fn tgkill(args: &Args) -> Result<usize> {
    match args.int(0) {
        ..=0 => Err(Errno::EINVAL),
        PID => send(args.int(1), args.int(2)),
        _ => Err(Errno::ESRCH),
    }
}

fn send(tid: i32, signal: i32) -> Result<usize> {
    if tid <= 0 {
        return Err(Errno::EINVAL);
    }
    check_signal(signal)?;
    let thread = thread(tid)?;
    if signal != 0 {
        send_thread(&thread, SigInfo::from_process(signal, SI_TKILL))?;
    }
    Ok(0)
}
