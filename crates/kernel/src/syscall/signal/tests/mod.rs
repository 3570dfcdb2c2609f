//! The calls of this family as a program makes them.

use crate::{
    errno::Errno,
    sched,
    signal::{action::Action, frame::StackT, info::SigInfo, info::bit},
    syscall::event::tests::{at, call},
};
use linux_raw_sys::general::*;

#[test]
fn actions_are_set_and_shown() {
    let mut new = Action {
        handler: 0x4000,
        flags: u64::from(SA_RESTART),
        restorer: 0x5000,
        mask: !0,
    };
    let mut old = Action::DEFAULT;
    assert_eq!(
        call(__NR_rt_sigaction, [50, at(&mut new), at(&mut old), 8]),
        Ok(0)
    );
    assert_eq!(old, Action::DEFAULT);
    assert_eq!(call(__NR_rt_sigaction, [50, 0, at(&mut old), 8]), Ok(0));
    assert_eq!(
        old,
        Action {
            mask: !(1 << 8 | 1 << 18),
            ..new
        },
        "SIGKILL and SIGSTOP are never blocked"
    );
    for signal in [0, 65, 9, 19] {
        assert_eq!(
            call(__NR_rt_sigaction, [signal, at(&mut new), 0, 8]),
            Err(Errno::EINVAL),
            "{signal}"
        );
    }
    assert_eq!(
        call(__NR_rt_sigaction, [9, 0, at(&mut old), 8]),
        Ok(0),
        "to look is allowed"
    );
    assert_eq!(
        call(__NR_rt_sigaction, [50, at(&mut new), 0, 4]),
        Err(Errno::EINVAL)
    );
    assert_eq!(call(__NR_rt_sigaction, [50, 8, 0, 8]), Err(Errno::EFAULT));
}

#[test]
fn the_mask_is_changed_in_three_ways() {
    let (mut set, mut old) = (bit(10) | bit(9), 0u64);
    let mut change = |how: u32, set: u64| {
        let mut set = set;
        call(
            __NR_rt_sigprocmask,
            [u64::from(how), at(&mut set), at(&mut old), 8],
        )
    };
    change(SIG_SETMASK, 0).unwrap();
    change(SIG_BLOCK, set).unwrap();
    change(SIG_BLOCK, bit(12)).unwrap();
    change(SIG_UNBLOCK, bit(10)).unwrap();
    assert_eq!(change(7, 0), Err(Errno::EINVAL));
    assert_eq!(
        call(__NR_rt_sigprocmask, [7, 0, at(&mut set), 8]),
        Ok(0),
        "without a set, how does not matter"
    );
    assert_eq!(set, bit(12));
    change(SIG_SETMASK, 0).unwrap();
}

#[test]
fn signals_to_oneself_are_pending_while_blocked() {
    let signals = &sched::current().signals;
    signals.set_mask(bit(12) | bit(45));
    let tid = sched::current().tid as u64;
    assert_eq!(call(__NR_tgkill, [1, tid, 12]), Ok(0));
    assert_eq!(call(__NR_tkill, [tid, 12]), Ok(0));
    let mut info = SigInfo::new(0, SI_QUEUE);
    info.fields[1] = 5;
    assert_eq!(call(__NR_rt_tgsigqueueinfo, [1, tid, 45, at(&mut info)]), Ok(0));
    let mut set = 0u64;
    assert_eq!(call(__NR_rt_sigpending, [at(&mut set), 8]), Ok(0));
    assert_eq!(set & (bit(12) | bit(45)), bit(12) | bit(45));
    let taken = signals.take(bit(45)).unwrap();
    assert_eq!((taken.signo, taken.fields[1]), (45, 5));
    assert_eq!(
        signals.take(bit(12)).map(|info| (info.code, info.pid())),
        Some((SI_TKILL, 1))
    );
    assert_eq!(signals.take(bit(12)), None, "a standard signal waits once");
    signals.set_mask(0);
}

#[test]
fn nobody_else_can_be_killed() {
    assert_eq!(call(__NR_kill, [1, 0]), Ok(0));
    assert_eq!(call(__NR_kill, [1, 65]), Err(Errno::EINVAL));
    for pid in [2u64, u64::MAX, -2i64 as u64] {
        assert_eq!(call(__NR_kill, [pid, 15]), Err(Errno::ESRCH));
    }
    assert_eq!(call(__NR_tgkill, [1, 999, 0]), Err(Errno::ESRCH));
    assert_eq!(call(__NR_tgkill, [2, 1, 0]), Err(Errno::ESRCH));
    assert_eq!(call(__NR_tgkill, [0, 1, 0]), Err(Errno::EINVAL));
    assert_eq!(call(__NR_tkill, [0, 0]), Err(Errno::EINVAL));
}

#[test]
fn an_alternate_stack_is_checked() {
    let stack = |base, size, flags| {
        let mut bytes = StackT::default();
        (bytes.base, bytes.size, bytes.flags) = (base, size, flags);
        bytes
    };
    let set = |mut new: StackT| {
        let mut old = StackT::default();
        call(__NR_sigaltstack, [at(&mut new), at(&mut old)]).map(|_| (old.base, old.size, old.flags))
    };
    assert_eq!(set(stack(0x10_0000, 2047, 0)), Err(Errno::ENOMEM));
    assert_eq!(set(stack(0x10_0000, 8192, 4)), Err(Errno::EINVAL));
    let disabled = (0, 0, SS_DISABLE);
    assert_eq!(set(stack(0x10_0000, 8192, 0)), Ok(disabled));
    assert_eq!(set(stack(0, 0, SS_DISABLE)), Ok((0x10_0000, 8192, 0)));
    // All of memory, so that the caller runs on it.
    assert_eq!(set(stack(0x1000, u64::MAX >> 1, 0)), Ok(disabled));
    assert_eq!(set(stack(0, 0, SS_DISABLE)), Err(Errno::EPERM));
}

#[test]
fn the_real_timer_is_shared_with_alarm() {
    let (mut new, mut old) = ([0i64, 0, 100, 0], [0i64; 4]);
    assert_eq!(call(__NR_setitimer, [0, at(&mut new), 0]), Ok(0));
    assert_eq!(call(__NR_getitimer, [0, at(&mut old)]), Ok(0));
    assert!((90..=100).contains(&old[2]), "{old:?}");
    assert_eq!(call(__NR_alarm, [7]), Ok(100));
    assert_eq!(call(__NR_alarm, [0]), Ok(7));
    assert_eq!(call(__NR_alarm, [0]), Ok(0));
    new = [0, 0, 0, 1_000_000];
    assert_eq!(call(__NR_setitimer, [0, at(&mut new), 0]), Err(Errno::EINVAL));
    assert_eq!(call(__NR_setitimer, [1, at(&mut new), 0]), Err(Errno::EINVAL));
}
