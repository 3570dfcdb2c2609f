//! `clock_nanosleep`.

use super::{
    common::{Clock, deadline, nanoseconds, timespec},
    nanosleep::{sleep_for, sleep_until},
};
use crate::{
    errno::{Errno, Result},
    sched::{self, CpuClock},
    syscall::Args,
    time,
    user::UserPtr,
    wait::{Interrupted, wait_until},
};
use core::time::Duration;
use linux_raw_sys::general::{__kernel_timespec, CLOCK_THREAD_CPUTIME_ID, TIMER_ABSTIME};

pub(super) fn clock_nanosleep(args: &Args) -> Result<usize> {
    let clock = Clock::from_id(args.int(0))?;
    match clock {
        Clock::Realtime | Clock::Monotonic => {}
        // Its own time does not pass while it sleeps: EINVAL, or EOPNOTSUPP by the name of the clock, as in Linux.
        Clock::Cpu(_) if args.uint(0) == CLOCK_THREAD_CPUTIME_ID => return Err(Errno::EOPNOTSUPP),
        Clock::Cpu(CpuClock::Thread(tid)) if tid == sched::current().tid => return Err(Errno::EINVAL),
        Clock::Cpu(clock) => return sleep_on(clock, args),
    }
    let ns = nanoseconds(args.ptr::<__kernel_timespec>(2).read()?)?;
    if args.uint(1) & TIMER_ABSTIME != 0 {
        sleep_until(deadline(clock == Clock::Realtime, true, ns))
    } else {
        sleep_for(ns, args.ptr(3))
    }
}

/// Sleeps until others have used CPU time.
fn sleep_on(clock: CpuClock, args: &Args) -> Result<usize> {
    let ns = nanoseconds(args.ptr::<__kernel_timespec>(2).read()?)?;
    let absolute = args.uint(1) & TIMER_ABSTIME != 0;
    let now = clock.now().unwrap_or(0);
    let end = if absolute { ns } else { now.saturating_add(ns) };
    on_clock_until(clock, end, absolute, args.ptr(3))
}

/// Interrupted, it goes on with what is left.
fn on_clock_until(
    clock: CpuClock,
    end: u64,
    absolute: bool,
    remaining: UserPtr<__kernel_timespec>,
) -> Result<usize> {
    loop {
        let left = match clock.now() {
            Some(now) if now < end => end - now,
            // Also if its thread has ended: then nothing is left to wait for.
            _ => return Ok(0),
        };
        let look = time::now() + Duration::from_nanos(left).max(CpuClock::TICK);
        if wait_until(&[], Some(look), || None::<()>) != Err(Interrupted::Signal) {
            continue;
        }
        if absolute {
            return Err(Errno::ERESTARTNOHAND);
        }
        let left = end.saturating_sub(clock.now().unwrap_or(end));
        let _ = remaining.write_if_some(timespec(left));
        sched::current().resume_with(move || on_clock_until(clock, end, absolute, remaining));
        return Err(Errno::ERESTART_RESTARTBLOCK);
    }
}
