//! `mq_notify(3)`.

use super::common::queue;
use crate::{
    errno::{Errno, Result},
    event::mqueue::Notify,
    signal::info::{MAX, SigInfo},
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Has the process told of the next message that comes to an empty queue, or no more.
pub(super) fn mq_notify(args: &Args) -> Result<usize> {
    // Value, signal and kind in two halves, and more that is for threads.
    let event = args.ptr::<[u64; 8]>(1).non_null();
    let event = event.map(|event| event.read()).transpose()?;
    let whom = match event {
        None => None,
        Some([value, kind, ..]) => {
            let (signal, kind) = (kind as i32, (kind >> 32) as u32);
            match kind {
                raw::SIGEV_NONE => Some(Notify::Nobody),
                raw::SIGEV_SIGNAL if (1..=MAX).contains(&signal) => {
                    let mut info = SigInfo::from_process(signal, raw::SI_MESGQ);
                    info.fields[1] = value;
                    Some(Notify::Signal(info))
                }
                _ => return Err(Errno::EINVAL),
            }
        }
    };
    queue(args.int(0))?.0.notify(whom).map(|()| 0)
}
