//! Threads and processes.

use super::{
    Row,
    Support::{Full, Partial, Refused},
};
use crate::row;
use linux_raw_sys::general as raw;

mod arch_prctl;
mod clone;
mod execve;
mod exit;
mod exit_group;
mod fork;
pub(super) mod futex;
mod futex_waitv;
mod get_robust_list;
mod pidfd_getfd;
mod pidfd_open;
mod sched_yield;
mod set_tid_address;
mod wait;

const ONE_PROCESS: super::Support =
    Refused("a unikernel is one process: run the second program in an instance of its own");

/// The family's rows.
pub const ROWS: &[Row] = &[
    row!(
        __NR_arch_prctl,
        arch_prctl,
        Partial("ARCH_SET_FS, ARCH_GET_FS, ARCH_SET_GS, ARCH_GET_GS")
    ),
    row!(
        __NR_clone,
        clone,
        Partial("threads only (CLONE_VM and CLONE_THREAD); a second process is refused with ENOSYS")
    ),
    Row {
        number: raw::__NR_clone3,
        name: "clone",
        handler: clone::clone3,
        support: Partial("as clone; no set_tid, no cgroup, no pidfd"),
    },
    row!(
        __NR_execve,
        execve,
        Refused("the program of a unikernel is chosen at boot")
    ),
    Row {
        number: raw::__NR_execveat,
        name: "execve",
        handler: execve::execve,
        support: Refused("the program of a unikernel is chosen at boot"),
    },
    row!(__NR_exit, exit, Full),
    row!(__NR_exit_group, exit_group, Full),
    Row {
        number: raw::__NR_fork,
        name: "fork",
        handler: fork::fork,
        support: ONE_PROCESS,
    },
    Row {
        number: raw::__NR_vfork,
        name: "fork",
        handler: fork::fork,
        support: ONE_PROCESS,
    },
    row!(
        __NR_futex,
        futex,
        Partial("FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI answer ENOSYS")
    ),
    row!(__NR_futex_waitv, futex_waitv, Full),
    row!(__NR_get_robust_list, get_robust_list, Full),
    Row {
        number: raw::__NR_set_robust_list,
        name: "get_robust_list",
        handler: get_robust_list::set_robust_list,
        support: Full,
    },
    row!(__NR_pidfd_getfd, pidfd_getfd, Full),
    row!(__NR_pidfd_open, pidfd_open, Full),
    row!(__NR_sched_yield, sched_yield, Full),
    row!(__NR_set_tid_address, set_tid_address, Full),
    Row {
        number: raw::__NR_wait4,
        name: "wait",
        handler: wait::wait4,
        support: Full,
    },
    Row {
        number: raw::__NR_waitid,
        name: "wait",
        handler: wait::waitid,
        support: Full,
    },
];
