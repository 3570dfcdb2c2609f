//! Clocks and sleeping.

use super::{Row, Support::*};
use linux_raw_sys::general::*;

mod clock_getres;
mod clock_nanosleep;
pub mod common;
mod getrusage;
mod gettimeofday;
mod nanosleep;
#[expect(clippy::module_inception, reason = "a file is named for its man page")]
mod time;
mod timer_create;
mod timer_delete;
mod timer_getoverrun;
mod timer_settime;
mod times;

const SET: &str = "the clock is the monitor's: setting it is refused with EPERM";

/// The family's rows.
pub const ROWS: &[Row] = &[
    Row::new(
        __NR_clock_gettime,
        "clock_getres",
        clock_getres::clock_gettime,
        Full,
    ),
    Row::new(
        __NR_clock_getres,
        "clock_getres",
        clock_getres::clock_getres,
        Full,
    ),
    Row::new(
        __NR_clock_settime,
        "clock_getres",
        clock_getres::clock_settime,
        Refused(SET),
    ),
    Row::new(
        __NR_clock_nanosleep,
        "clock_nanosleep",
        clock_nanosleep::clock_nanosleep,
        Full,
    ),
    Row::new(
        __NR_getrusage,
        "getrusage",
        getrusage::getrusage,
        Partial(
            "all CPU time is user time; the highest resident size is that of the moments when it was asked for",
        ),
    ),
    Row::new(
        __NR_gettimeofday,
        "gettimeofday",
        gettimeofday::gettimeofday,
        Full,
    ),
    Row::new(
        __NR_settimeofday,
        "gettimeofday",
        gettimeofday::settimeofday,
        Refused(SET),
    ),
    Row::new(__NR_nanosleep, "nanosleep", nanosleep::nanosleep, Full),
    Row::new(__NR_time, "time", time::time, Full),
    Row::new(
        __NR_timer_create,
        "timer_create",
        timer_create::timer_create,
        Full,
    ),
    Row::new(
        __NR_timer_delete,
        "timer_delete",
        timer_delete::timer_delete,
        Full,
    ),
    Row::new(
        __NR_timer_getoverrun,
        "timer_getoverrun",
        timer_getoverrun::timer_getoverrun,
        Full,
    ),
    Row::new(
        __NR_timer_settime,
        "timer_settime",
        timer_settime::timer_settime,
        Full,
    ),
    Row::new(
        __NR_timer_gettime,
        "timer_settime",
        timer_settime::timer_gettime,
        Full,
    ),
    Row::new(__NR_times, "times", times::times, Full),
];

#[cfg(test)]
mod tests;
