//! The calls of this family as a program makes them.

use crate::{
    errno::Errno,
    syscall::event::tests::{at, call},
};
use linux_raw_sys::{general::*, prctl::*};

#[test]
fn the_system_says_what_it_is() {
    let mut fields = [[0xffu8; 65]; 6];
    assert_eq!(call(__NR_uname, [at(&mut fields)]), Ok(0));
    assert!(fields[0].starts_with(b"Linux\0") && fields[4].starts_with(b"x86_64\0"));
    assert!(fields[2].starts_with(b"6.1.0-uigniter\0"));
    let mut info = [u64::MAX; 14];
    assert_eq!(call(__NR_sysinfo, [at(&mut info)]), Ok(0));
    assert_eq!(info[13], 1);
    assert_eq!(call(__NR_uname, [8]), Err(Errno::EFAULT));
}

#[test]
fn random_bytes_come_in_full() {
    let mut bytes = [0u8; 512];
    assert_eq!(call(__NR_getrandom, [at(&mut bytes), 512, 0]), Ok(512));
    assert!(bytes.iter().filter(|&&byte| byte == 0).count() < 32);
    assert_eq!(call(__NR_getrandom, [at(&mut bytes), 1, 8]), Err(Errno::EINVAL));
    assert_eq!(
        call(__NR_getrandom, [at(&mut bytes), 1, 6]),
        Err(Errno::EINVAL),
        "RANDOM and INSECURE together"
    );
    assert_eq!(call(__NR_getrandom, [8, 1, 0]), Err(Errno::EFAULT));
    assert_eq!(call(__NR_getrandom, [0, 0, 0]), Ok(0));
}

#[test]
fn limits_are_kept_and_guarded() {
    let mut limit = [0u64; 2];
    let core = u64::from(RLIMIT_CORE);
    assert_eq!(call(__NR_prlimit64, [0, core, 0, at(&mut limit)]), Ok(0));
    let mut new = [5u64, 10];
    assert_eq!(call(__NR_prlimit64, [1, core, at(&mut new), 0]), Ok(0));
    assert_eq!(call(__NR_getrlimit, [core, at(&mut limit)]), Ok(0));
    assert_eq!(limit, [5, 10]);
    new = [11, 10];
    assert_eq!(call(__NR_setrlimit, [core, at(&mut new)]), Err(Errno::EINVAL));
    new = [1, 1 << 30];
    assert_eq!(
        call(__NR_setrlimit, [u64::from(RLIMIT_NOFILE), at(&mut new)]),
        Err(Errno::EPERM)
    );
    assert_eq!(
        call(__NR_prlimit64, [0, 16, 0, at(&mut limit)]),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        call(__NR_prlimit64, [77, core, 0, at(&mut limit)]),
        Err(Errno::ESRCH)
    );
}

#[test]
fn there_is_one_processor() {
    let mut mask = [0u64; 16];
    assert_eq!(
        call(__NR_sched_getaffinity, [0, 128, at(&mut mask)]),
        Ok(8),
        "the bytes that the kernel wrote"
    );
    assert_eq!(mask[0], 1);
    assert_eq!(
        call(__NR_sched_getaffinity, [0, 4, at(&mut mask)]),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        call(__NR_sched_getaffinity, [77, 128, at(&mut mask)]),
        Err(Errno::ESRCH)
    );
    assert_eq!(call(__NR_sched_setaffinity, [0, 128, at(&mut mask)]), Ok(0));
    mask[0] = 2;
    assert_eq!(
        call(__NR_sched_setaffinity, [0, 128, at(&mut mask)]),
        Err(Errno::EINVAL)
    );
    let (mut cpu, mut node) = (9u32, 9u32);
    assert_eq!(call(__NR_getcpu, [at(&mut cpu), at(&mut node), 0]), Ok(0));
    assert_eq!((cpu, node), (0, 0));
}

#[test]
fn scheduling_wishes_are_checked_and_shown() {
    let mut priority = 10i32;
    assert_eq!(
        call(
            __NR_sched_setscheduler,
            [0, u64::from(SCHED_NORMAL), at(&mut priority)]
        ),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        call(
            __NR_sched_setscheduler,
            [0, u64::from(SCHED_RR), at(&mut priority)]
        ),
        Ok(0)
    );
    assert_eq!(call(__NR_sched_getscheduler, [0]), Ok(i64::from(SCHED_RR)));
    priority = 0;
    assert_eq!(call(__NR_sched_getparam, [0, at(&mut priority)]), Ok(0));
    assert_eq!(priority, 10);
    priority = 0;
    assert_eq!(
        call(
            __NR_sched_setscheduler,
            [0, u64::from(SCHED_NORMAL), at(&mut priority)]
        ),
        Ok(0)
    );
    assert_eq!(call(__NR_sched_get_priority_max, [u64::from(SCHED_FIFO)]), Ok(99));
    assert_eq!(call(__NR_sched_get_priority_min, [77]), Err(Errno::EINVAL));
    let mut attributes = [0u64; 6];
    assert_eq!(call(__NR_sched_getattr, [0, at(&mut attributes), 48, 0]), Ok(0));
    assert_eq!(attributes[0], 48);
    assert_eq!(call(__NR_setpriority, [0, 0, 5]), Ok(0));
    assert_eq!(call(__NR_getpriority, [0, 0]), Ok(15));
    assert_eq!(call(__NR_setpriority, [0, 0, 0]), Ok(0));
    assert_eq!(call(__NR_getpriority, [9, 0]), Err(Errno::EINVAL));
}

#[test]
fn a_thread_has_a_name() {
    let (mut long, mut name) = (*b"a-name-that-is-too-long\0", [0xffu8; 16]);
    assert_eq!(call(__NR_prctl, [u64::from(PR_SET_NAME), at(&mut long)]), Ok(0));
    assert_eq!(call(__NR_prctl, [u64::from(PR_GET_NAME), at(&mut name)]), Ok(0));
    assert_eq!(&name, b"a-name-that-is-\0");
    assert_eq!(
        call(__NR_prctl, [u64::from(PR_SET_NO_NEW_PRIVS), 1, 0, 0, 0]),
        Ok(0)
    );
    assert_eq!(
        call(__NR_prctl, [u64::from(PR_GET_NO_NEW_PRIVS), 0, 0, 0, 0]),
        Ok(1)
    );
    assert_eq!(call(__NR_prctl, [12345]), Err(Errno::EINVAL));
}

#[test]
fn the_process_is_the_first_and_alone() {
    assert_eq!(
        (
            call(__NR_getpid, []),
            call(__NR_getppid, []),
            call(__NR_gettid, [])
        ),
        (Ok(1), Ok(0), Ok(1))
    );
    assert_eq!((call(__NR_getpgrp, []), call(__NR_getsid, [0])), (Ok(1), Ok(1)));
    assert_eq!(call(__NR_getpgid, [5]), Err(Errno::ESRCH));
    assert_eq!(call(__NR_setsid, []), Err(Errno::EPERM));
    assert_eq!((call(__NR_getuid, []), call(__NR_getegid, [])), (Ok(0), Ok(0)));
    let mut ids = [7u32; 3];
    let base = at(&mut ids);
    assert_eq!(call(__NR_getresuid, [base, base + 4, base + 8]), Ok(0));
    assert_eq!(ids, [0; 3]);
    assert_eq!(call(__NR_rseq, [0, 0, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(call(__NR_sethostname, [0, 65]), Err(Errno::EINVAL));
    assert_eq!(call(__NR_personality, [0xffff_ffff]), Ok(0));
}

#[test]
fn capabilities_are_those_of_the_superuser() {
    let (mut header, mut data) = ([0x2008_0522u32, 0], [[0u32; 3]; 2]);
    assert_eq!(call(__NR_capget, [at(&mut header), at(&mut data)]), Ok(0));
    assert_eq!(data, [[u32::MAX, u32::MAX, 0], [0x1ff, 0x1ff, 0]]);
    assert_eq!(call(__NR_capset, [at(&mut header), at(&mut data)]), Ok(0));
    data[1][0] = u32::MAX;
    assert_eq!(
        call(__NR_capset, [at(&mut header), at(&mut data)]),
        Err(Errno::EPERM)
    );
    header[0] = 1;
    assert_eq!(call(__NR_capget, [at(&mut header), 0]), Ok(0));
    assert_eq!(header[0], 0x2008_0522, "the version that is preferred");
}

#[test]
fn barriers_want_to_be_registered() {
    let barrier = |command: membarrier_cmd| call(__NR_membarrier, [command as u64, 0, 0]);
    let known = barrier(membarrier_cmd::MEMBARRIER_CMD_QUERY).unwrap();
    assert_ne!(known & membarrier_cmd::MEMBARRIER_CMD_PRIVATE_EXPEDITED as i64, 0);
    assert_eq!(
        barrier(membarrier_cmd::MEMBARRIER_CMD_PRIVATE_EXPEDITED),
        Err(Errno::EPERM)
    );
    assert_eq!(
        barrier(membarrier_cmd::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED),
        Ok(0)
    );
    assert_eq!(barrier(membarrier_cmd::MEMBARRIER_CMD_PRIVATE_EXPEDITED), Ok(0));
    assert_eq!(
        barrier(membarrier_cmd::MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ),
        Err(Errno::EPERM)
    );
}
