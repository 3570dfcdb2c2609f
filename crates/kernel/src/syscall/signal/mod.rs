//! Signals.

use super::{Row, Support::*};
use linux_raw_sys::general::*;

mod alarm;
mod common;
mod getitimer;
mod kill;
mod pause;
mod pidfd_send_signal;
mod restart_syscall;
mod rt_sigqueueinfo;
mod sigaction;
mod sigaltstack;
mod sigpending;
mod sigprocmask;
mod sigreturn;
mod sigsuspend;
mod sigwaitinfo;
mod tkill;

const ALL_CPU_TIME: &str = "ITIMER_VIRTUAL counts time in the kernel, too";
const ALONE: &str = "there is one process: others are answered with ESRCH; stop signals are ignored";

/// The family's rows.
pub const ROWS: &[Row] = &[
    Row::new(__NR_alarm, "alarm", alarm::alarm, Full),
    Row::new(
        __NR_getitimer,
        "getitimer",
        getitimer::getitimer,
        Partial(ALL_CPU_TIME),
    ),
    Row::new(
        __NR_setitimer,
        "getitimer",
        getitimer::setitimer,
        Partial(ALL_CPU_TIME),
    ),
    Row::new(__NR_kill, "kill", kill::kill, Partial(ALONE)),
    Row::new(__NR_pause, "pause", pause::pause, Full),
    Row::new(
        __NR_pidfd_send_signal,
        "pidfd_send_signal",
        pidfd_send_signal::pidfd_send_signal,
        Full,
    ),
    Row::new(
        __NR_restart_syscall,
        "restart_syscall",
        restart_syscall::restart_syscall,
        Full,
    ),
    Row::new(
        __NR_rt_sigqueueinfo,
        "rt_sigqueueinfo",
        rt_sigqueueinfo::rt_sigqueueinfo,
        Full,
    ),
    Row::new(
        __NR_rt_tgsigqueueinfo,
        "rt_sigqueueinfo",
        rt_sigqueueinfo::rt_tgsigqueueinfo,
        Full,
    ),
    Row::new(__NR_rt_sigaction, "sigaction", sigaction::rt_sigaction, Full),
    Row::new(__NR_sigaltstack, "sigaltstack", sigaltstack::sigaltstack, Full),
    Row::new(__NR_rt_sigpending, "sigpending", sigpending::rt_sigpending, Full),
    Row::new(
        __NR_rt_sigprocmask,
        "sigprocmask",
        sigprocmask::rt_sigprocmask,
        Full,
    ),
    Row::new(__NR_rt_sigreturn, "sigreturn", sigreturn::rt_sigreturn, Full),
    Row::new(__NR_rt_sigsuspend, "sigsuspend", sigsuspend::rt_sigsuspend, Full),
    Row::new(
        __NR_rt_sigtimedwait,
        "sigwaitinfo",
        sigwaitinfo::rt_sigtimedwait,
        Full,
    ),
    Row::new(__NR_tkill, "tkill", tkill::tkill, Full),
    Row::new(__NR_tgkill, "tkill", tkill::tgkill, Full),
];

#[cfg(test)]
mod tests;
