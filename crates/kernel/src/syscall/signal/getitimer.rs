//! `getitimer`, `setitimer`.

use crate::{
    errno::Result,
    event::schedule::Setting,
    signal::timers,
    syscall::{
        Args,
        time::common::{timeval, timeval_nanoseconds},
    },
};
use core::time::Duration;
use linux_raw_sys::general::__kernel_old_itimerval;

pub(super) fn getitimer(args: &Args) -> Result<usize> {
    let timer = timers::interval(args.uint(0))?;
    args.ptr::<__kernel_old_itimerval>(1)
        .write(itimerval(timer.get()))?;
    Ok(0)
}

pub(super) fn setitimer(args: &Args) -> Result<usize> {
    let timer = timers::interval(args.uint(0))?;
    // Linux takes the null pointer for zeros.
    let (first, interval) = match args.ptr::<__kernel_old_itimerval>(1).non_null() {
        Some(new) => {
            let new = new.read()?;
            (
                timeval_nanoseconds(new.it_value)?,
                timeval_nanoseconds(new.it_interval)?,
            )
        }
        None => (0, 0),
    };
    let first = (first > 0).then(|| timer.base.now() + Duration::from_nanos(first));
    let before = timer.set(first, interval);
    args.ptr::<__kernel_old_itimerval>(2)
        .write_if_some(itimerval(before))?;
    Ok(0)
}

fn itimerval(setting: Setting) -> __kernel_old_itimerval {
    // What is left is not shown as nothing.
    let remaining = if setting.remaining > 0 {
        setting.remaining.max(1000)
    } else {
        0
    };
    __kernel_old_itimerval {
        it_interval: timeval(setting.interval),
        it_value: timeval(remaining),
    }
}
