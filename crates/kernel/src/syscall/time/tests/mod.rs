//! The calls of this family as a program makes them.

use crate::{
    errno::Errno,
    syscall::event::tests::{at, call},
    time,
};
use core::time::Duration;
use linux_raw_sys::general::*;

fn spec(tv_sec: i64, tv_nsec: i64) -> __kernel_timespec {
    __kernel_timespec { tv_sec, tv_nsec }
}

#[test]
fn clocks_are_read() {
    let mut value = spec(-1, -1);
    for clock in [
        CLOCK_REALTIME,
        CLOCK_MONOTONIC,
        CLOCK_BOOTTIME,
        CLOCK_PROCESS_CPUTIME_ID,
        CLOCK_THREAD_CPUTIME_ID,
    ] {
        value = spec(-1, -1);
        assert_eq!(
            call(__NR_clock_gettime, [u64::from(clock), at(&mut value)]),
            Ok(0)
        );
        assert!(
            value.tv_sec >= 0 && (0..1_000_000_000).contains(&value.tv_nsec),
            "clock {clock}"
        );
    }
    assert_eq!(call(__NR_clock_gettime, [99, at(&mut value)]), Err(Errno::EINVAL));
    assert_eq!(call(__NR_clock_gettime, [0, 0]), Err(Errno::EFAULT));
    assert_eq!(call(__NR_clock_getres, [1, at(&mut value)]), Ok(0));
    assert_eq!((value.tv_sec, value.tv_nsec), (0, 1));
    assert_eq!(call(__NR_clock_getres, [1, 0]), Ok(0));
    assert_eq!(call(__NR_clock_settime, [0, at(&mut value)]), Err(Errno::EPERM));
    assert_eq!(call(__NR_clock_settime, [1, at(&mut value)]), Err(Errno::EINVAL));
}

#[test]
fn sleeps_last_as_long_as_they_should() {
    let start = time::now();
    assert_eq!(call(__NR_nanosleep, [at(&mut spec(0, 2_000_000)), 0]), Ok(0));
    let after = time::now();
    assert!(after.since(start) >= Duration::from_millis(2));
    let until = time::now().0 + 2_000_000;
    let mut deadline = spec((until / 1_000_000_000) as i64, (until % 1_000_000_000) as i64);
    let sleep = [
        u64::from(CLOCK_MONOTONIC),
        u64::from(TIMER_ABSTIME),
        at(&mut deadline),
        0,
    ];
    assert_eq!(call(__NR_clock_nanosleep, sleep), Ok(0));
    assert!(time::now().0 >= until);
    assert_eq!(call(__NR_clock_nanosleep, sleep), Ok(0), "in the past");
    for bad in [spec(-1, 0), spec(0, -1), spec(0, 1_000_000_000)] {
        let mut bad = bad;
        assert_eq!(call(__NR_nanosleep, [at(&mut bad), 0]), Err(Errno::EINVAL));
    }
    assert_eq!(call(__NR_nanosleep, [0, 0]), Err(Errno::EFAULT));
    assert_eq!(
        call(__NR_clock_nanosleep, [99, 0, at(&mut deadline), 0]),
        Err(Errno::EINVAL)
    );
    let thread = u64::from(CLOCK_THREAD_CPUTIME_ID);
    assert_eq!(
        call(__NR_clock_nanosleep, [thread, 0, at(&mut deadline), 0]),
        Err(Errno::EOPNOTSUPP)
    );
}

#[test]
fn a_signal_ends_a_sleep_and_says_what_was_left() {
    use crate::signal::{action::Action, info::SigInfo, send_thread, set_action};
    let thread = crate::sched::current();
    set_action(
        61,
        Action {
            handler: 0x1000,
            ..Action::DEFAULT
        },
    )
    .unwrap();
    send_thread(&thread, SigInfo::new(61, 0)).unwrap();
    let mut left = spec(-1, -1);
    assert_eq!(
        call(__NR_nanosleep, [at(&mut spec(100, 0)), at(&mut left)]),
        Err(Errno::ERESTART_RESTARTBLOCK)
    );
    assert!((90..=100).contains(&left.tv_sec), "{left:?}");
    // Interrupted again, it still goes on to the same end, not for as long anew.
    let resume = thread.take_resume().unwrap();
    assert_eq!(resume(), Err(Errno::ERESTART_RESTARTBLOCK));
    assert!((90..100).contains(&left.tv_sec), "{left:?}");
    thread.take_resume();
    thread.signals.take(!0).unwrap();
}

#[test]
fn posix_timers_come_and_go() {
    // SIGEV_NONE, so that nobody is told.
    let (mut event, mut id) = ([0u64, u64::from(SIGEV_NONE) << 32, 0, 0, 0, 0, 0, 0], -1i32);
    let mut create = |clock: u32| call(__NR_timer_create, [u64::from(clock), at(&mut event), at(&mut id)]);
    assert_eq!(create(CLOCK_MONOTONIC), Ok(0));
    assert_eq!(create(CLOCK_PROCESS_CPUTIME_ID), Ok(0));
    assert_eq!(create(99), Err(Errno::EINVAL));
    let timer = {
        create(CLOCK_MONOTONIC).unwrap();
        id as u64
    };
    let (mut new, mut old) = ([0i64, 0, 100, 0], [7i64; 4]);
    assert_eq!(
        call(__NR_timer_settime, [timer, 0, at(&mut new), at(&mut old)]),
        Ok(0)
    );
    assert_eq!(old, [0; 4]);
    assert_eq!(call(__NR_timer_gettime, [timer, at(&mut old)]), Ok(0));
    assert!((90..=100).contains(&old[2]), "{old:?}");
    assert_eq!(call(__NR_timer_getoverrun, [timer]), Ok(0));
    assert_eq!(call(__NR_timer_delete, [timer]), Ok(0));
    assert_eq!(call(__NR_timer_delete, [timer]), Err(Errno::EINVAL));
    event[1] = 65;
    assert_eq!(
        call(__NR_timer_create, [1, at(&mut event), at(&mut id)]),
        Err(Errno::EINVAL)
    );
    event = [0, 10 | u64::from(SIGEV_THREAD_ID) << 32, 999, 0, 0, 0, 0, 0];
    assert_eq!(
        call(__NR_timer_create, [1, at(&mut event), at(&mut id)]),
        Err(Errno::EINVAL)
    );
}

#[test]
fn the_old_calls_agree_with_the_clock() {
    let mut value = [-1i64; 2];
    assert_eq!(call(__NR_gettimeofday, [at(&mut value), 0]), Ok(0));
    let seconds = call(__NR_time, [0]).unwrap();
    assert!((value[0]..=value[0] + 1).contains(&seconds));
    let mut used = [-1i64; 18];
    assert_eq!(call(__NR_getrusage, [0, at(&mut used)]), Ok(0));
    assert_eq!(call(__NR_getrusage, [5, at(&mut used)]), Err(Errno::EINVAL));
    assert!(used.iter().all(|&value| value >= 0));
    assert!(call(__NR_times, [0]).is_ok());
}
