//! Identity, limits and the system as a whole.

use super::{Row, Support::*};
use linux_raw_sys::general::*;

mod capget;
mod common;
mod getcpu;
mod getdomainname;
mod getgroups;
mod getpid;
mod getpriority;
mod getrandom;
mod getresuid;
mod getrlimit;
mod getsid;
mod gettid;
mod getuid;
mod ioprio_set;
mod membarrier;
mod personality;
mod prctl;
mod rseq;
mod sched_get_priority_max;
mod sched_rr_get_interval;
mod sched_setaffinity;
mod sched_setattr;
mod sched_setparam;
mod sched_setscheduler;
mod setfsuid;
mod sethostname;
mod setpgid;
mod setresuid;
mod setreuid;
mod setsid;
mod setuid;
mod sysinfo;
mod syslog;
mod uname;

pub use crate::process::credentials::get as credentials;

const ONE_CPU: &str = "there is one processor; others are refused with EINVAL";
const NO_DEADLINE: &str = "no SCHED_DEADLINE (EINVAL)";
const IDENTITY: &str = "kept and shown; permissions of files follow from it; nothing else asks";
const FEW_OPTIONS: &str =
    "names, dumpable, no-new-privs, death signal and the like; others are refused with EINVAL";
const LIMITS: &str = "kept and shown; RLIMIT_NOFILE, RLIMIT_CPU and RLIMIT_FSIZE are enforced";
const ONE_PROCESS: &str = "there is one process in one group and one session";

/// The family's rows.
pub const ROWS: &[Row] = &[
    Row::new(__NR_capget, "capget", capget::capget, Full),
    Row::new(
        __NR_capset,
        "capget",
        capget::capset,
        Stub("all capabilities stay, as they give nothing here"),
    ),
    Row::new(__NR_getcpu, "getcpu", getcpu::getcpu, Full),
    Row::new(
        __NR_setdomainname,
        "getdomainname",
        getdomainname::setdomainname,
        Full,
    ),
    Row::new(__NR_getgroups, "getgroups", getgroups::getgroups, Full),
    Row::new(
        __NR_setgroups,
        "getgroups",
        getgroups::setgroups,
        Partial(IDENTITY),
    ),
    Row::new(__NR_getpid, "getpid", getpid::getpid, Full),
    Row::new(__NR_getppid, "getpid", getpid::getppid, Full),
    Row::new(__NR_getpriority, "getpriority", getpriority::getpriority, Full),
    Row::new(__NR_setpriority, "getpriority", getpriority::setpriority, Full),
    Row::new(__NR_getrandom, "getrandom", getrandom::getrandom, Full),
    Row::new(__NR_getresuid, "getresuid", getresuid::getresuid, Full),
    Row::new(__NR_getresgid, "getresuid", getresuid::getresgid, Full),
    Row::new(__NR_getrlimit, "getrlimit", getrlimit::getrlimit, Full),
    Row::new(__NR_setrlimit, "getrlimit", getrlimit::setrlimit, Partial(LIMITS)),
    Row::new(__NR_prlimit64, "getrlimit", getrlimit::prlimit, Partial(LIMITS)),
    Row::new(__NR_getsid, "getsid", getsid::getsid, Partial(ONE_PROCESS)),
    Row::new(__NR_gettid, "gettid", gettid::gettid, Full),
    Row::new(__NR_getuid, "getuid", getuid::getuid, Full),
    Row::new(__NR_geteuid, "getuid", getuid::geteuid, Full),
    Row::new(__NR_getgid, "getuid", getuid::getgid, Full),
    Row::new(__NR_getegid, "getuid", getuid::getegid, Full),
    Row::new(
        __NR_ioprio_set,
        "ioprio_set",
        ioprio_set::ioprio_set,
        Stub("there is nobody to be preferred to"),
    ),
    Row::new(__NR_ioprio_get, "ioprio_set", ioprio_set::ioprio_get, Full),
    Row::new(__NR_membarrier, "membarrier", membarrier::membarrier, Full),
    Row::new(
        __NR_personality,
        "personality",
        personality::personality,
        Partial("kept and shown; of its effects only that on uname"),
    ),
    Row::new(__NR_prctl, "prctl", prctl::prctl, Partial(FEW_OPTIONS)),
    Row::new(__NR_rseq, "rseq", rseq::rseq, Full),
    Row::new(
        __NR_sched_get_priority_max,
        "sched_get_priority_max",
        sched_get_priority_max::max,
        Full,
    ),
    Row::new(
        __NR_sched_get_priority_min,
        "sched_get_priority_max",
        sched_get_priority_max::min,
        Full,
    ),
    Row::new(
        __NR_sched_rr_get_interval,
        "sched_rr_get_interval",
        sched_rr_get_interval::sched_rr_get_interval,
        Full,
    ),
    Row::new(
        __NR_sched_getaffinity,
        "sched_setaffinity",
        sched_setaffinity::sched_getaffinity,
        Full,
    ),
    Row::new(
        __NR_sched_setaffinity,
        "sched_setaffinity",
        sched_setaffinity::sched_setaffinity,
        Partial(ONE_CPU),
    ),
    Row::new(
        __NR_sched_getattr,
        "sched_setattr",
        sched_setattr::sched_getattr,
        Partial(NO_DEADLINE),
    ),
    Row::new(
        __NR_sched_setattr,
        "sched_setattr",
        sched_setattr::sched_setattr,
        Partial(NO_DEADLINE),
    ),
    Row::new(
        __NR_sched_getparam,
        "sched_setparam",
        sched_setparam::sched_getparam,
        Full,
    ),
    Row::new(
        __NR_sched_setparam,
        "sched_setparam",
        sched_setparam::sched_setparam,
        Partial(NO_DEADLINE),
    ),
    Row::new(
        __NR_sched_getscheduler,
        "sched_setscheduler",
        sched_setscheduler::sched_getscheduler,
        Full,
    ),
    Row::new(
        __NR_sched_setscheduler,
        "sched_setscheduler",
        sched_setscheduler::sched_setscheduler,
        Partial(NO_DEADLINE),
    ),
    Row::new(__NR_sethostname, "sethostname", sethostname::sethostname, Full),
    Row::new(__NR_setpgid, "setpgid", setpgid::setpgid, Partial(ONE_PROCESS)),
    Row::new(__NR_getpgid, "setpgid", setpgid::getpgid, Partial(ONE_PROCESS)),
    Row::new(__NR_getpgrp, "setpgid", setpgid::getpgrp, Full),
    Row::new(
        __NR_setresuid,
        "setresuid",
        setresuid::setresuid,
        Partial(IDENTITY),
    ),
    Row::new(
        __NR_setresgid,
        "setresuid",
        setresuid::setresgid,
        Partial(IDENTITY),
    ),
    Row::new(__NR_setreuid, "setreuid", setreuid::setreuid, Partial(IDENTITY)),
    Row::new(__NR_setregid, "setreuid", setreuid::setregid, Partial(IDENTITY)),
    Row::new(__NR_setsid, "setsid", setsid::setsid, Partial(ONE_PROCESS)),
    Row::new(__NR_setuid, "setuid", setuid::setuid, Partial(IDENTITY)),
    Row::new(__NR_setgid, "setuid", setuid::setgid, Partial(IDENTITY)),
    Row::new(__NR_setfsuid, "setfsuid", setfsuid::setfsuid, Partial(IDENTITY)),
    Row::new(__NR_setfsgid, "setfsuid", setfsuid::setfsgid, Partial(IDENTITY)),
    Row::new(
        __NR_sysinfo,
        "sysinfo",
        sysinfo::sysinfo,
        Partial("no load averages and no swap"),
    ),
    Row::new(
        __NR_syslog,
        "syslog",
        syslog::syslog,
        Partial("the log is the console: there is nothing to read"),
    ),
    Row::new(__NR_uname, "uname", uname::uname, Full),
];

#[cfg(test)]
mod tests;
