//! `timer_create`.

use super::common::Clock;
use crate::{
    errno::{Errno, Result},
    sched,
    signal::{
        info::{MAX, SigInfo},
        timers::{self, Notify, Timebase},
    },
    syscall::Args,
};
use alloc::sync::Arc;
use linux_raw_sys::general as raw;

/// `struct sigevent`: value, signal and kind in two halves, thread number in the low half of the third word.
type SigEvent = [u64; 8];

const _: () = assert!(size_of::<raw::sigevent>() == size_of::<SigEvent>());

pub(super) fn timer_create(args: &Args) -> Result<usize> {
    // A unikernel does not sleep, so nothing could wake it (`timer_create(2)`).
    if matches!(
        args.uint(0),
        raw::CLOCK_REALTIME_ALARM | raw::CLOCK_BOOTTIME_ALARM
    ) {
        return Err(Errno::EOPNOTSUPP);
    }
    let base = match Clock::from_id(args.int(0))? {
        Clock::Realtime => Timebase::Realtime,
        Clock::Monotonic => Timebase::Monotonic,
        Clock::Cpu(clock) => Timebase::Cpu(clock),
    };
    let event = args
        .ptr::<SigEvent>(1)
        .non_null()
        .map(|event| event.read())
        .transpose()?;
    let result = args.ptr::<i32>(2);
    // Checked before anything is made.
    result.write(0)?;
    let (signal, kind) = event.map_or((raw::SIGALRM as i32, raw::SIGEV_SIGNAL), |event| {
        (event[1] as i32, (event[1] >> 32) as u32)
    });
    if kind != raw::SIGEV_NONE && !(1..=MAX).contains(&signal) {
        return Err(Errno::EINVAL);
    }
    let thread = match kind {
        raw::SIGEV_SIGNAL | raw::SIGEV_NONE => None,
        raw::SIGEV_THREAD_ID => {
            let tid = event.map_or(0, |event| event[2] as i32);
            Some(sched::find(tid).ok_or(Errno::EINVAL)?)
        }
        _ => return Err(Errno::EINVAL),
    };
    let id = timers::create(base, |id| {
        let mut info = SigInfo::new(signal, raw::SI_TIMER);
        info.fields[0] = u64::from(id as u32);
        info.fields[1] = event.map_or(u64::from(id as u32), |event| event[0]);
        match (kind, &thread) {
            (raw::SIGEV_NONE, _) => Notify::Nobody,
            (_, Some(thread)) => Notify::Thread(Arc::downgrade(thread), info),
            (_, None) => Notify::Process(info),
        }
    })?;
    result.write(id)?;
    Ok(0)
}
