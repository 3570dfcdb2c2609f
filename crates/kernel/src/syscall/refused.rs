//! Calls that are refused as a whole, with the errno that has programs fall back or say what is missing.
//!
//! They have rows, so that the console is not told that something is missing each time that a runtime asks what there is.

use super::{Args, Row, Support::Refused};
use crate::errno::{Errno, Result};
use linux_raw_sys::general as raw;

/// A kernel that was built without it.
fn absent(_: &Args) -> Result<usize> {
    Err(Errno::ENOSYS)
}

/// A program that may not.
fn forbidden(_: &Args) -> Result<usize> {
    Err(Errno::EPERM)
}

/// A file system that cannot.
fn unsupported(_: &Args) -> Result<usize> {
    Err(Errno::EOPNOTSUPP)
}

const IO_URING: &str = "ENOSYS: programs fall back on epoll and threads";
const AIO: &str = "ENOSYS: programs fall back on threads";
const MACHINE: &str = "EPERM: the machine is the monitor's";
const NAMESPACES: &str = "EPERM: the program owns the whole VM; there is nobody to be apart from";
const MOUNT: &str = "EPERM: the tree is made at boot";
const SYSTEM_V: &str = "ENOSYS: System V IPC joins processes, and there is one";
const KEYS: &str = "ENOSYS: no key rings";
const NUMA: &str = "ENOSYS: one processor, one memory";
const SANDBOX: &str = "ENOSYS: the VM is the sandbox";
const TRACING: &str = "ENOSYS: nobody is there to be watched";
const HANDLES: &str = "EOPNOTSUPP, as on file systems whose files have no handles";
const OLD: &str = "ENOSYS, as on any kernel of today";

/// The rows.
pub(super) const ROWS: &[Row] = &[
    Row::new(raw::__NR_acct, "acct", forbidden, Refused(MACHINE)),
    Row::new(raw::__NR_add_key, "add_key", absent, Refused(KEYS)),
    Row::new(raw::__NR_adjtimex, "adjtimex", forbidden, Refused(MACHINE)),
    Row::new(raw::__NR_bpf, "bpf", absent, Refused(TRACING)),
    Row::new(raw::__NR_clock_adjtime, "adjtimex", forbidden, Refused(MACHINE)),
    Row::new(
        raw::__NR_delete_module,
        "delete_module",
        forbidden,
        Refused(MACHINE),
    ),
    Row::new(
        raw::__NR_fanotify_mark,
        "fanotify_mark",
        absent,
        Refused("ENOSYS: inotify is there"),
    ),
    Row::new(raw::__NR_finit_module, "init_module", forbidden, Refused(MACHINE)),
    Row::new(raw::__NR_fsconfig, "fsconfig", forbidden, Refused(MOUNT)),
    Row::new(raw::__NR_fsmount, "fsmount", forbidden, Refused(MOUNT)),
    Row::new(raw::__NR_fsopen, "fsopen", forbidden, Refused(MOUNT)),
    Row::new(raw::__NR_fspick, "fspick", forbidden, Refused(MOUNT)),
    Row::new(raw::__NR_get_mempolicy, "get_mempolicy", absent, Refused(NUMA)),
    Row::new(raw::__NR_init_module, "init_module", forbidden, Refused(MACHINE)),
    Row::new(raw::__NR_io_cancel, "io_cancel", absent, Refused(AIO)),
    Row::new(raw::__NR_io_destroy, "io_destroy", absent, Refused(AIO)),
    Row::new(raw::__NR_io_getevents, "io_getevents", absent, Refused(AIO)),
    Row::new(raw::__NR_io_pgetevents, "io_getevents", absent, Refused(AIO)),
    Row::new(raw::__NR_io_setup, "io_setup", absent, Refused(AIO)),
    Row::new(raw::__NR_io_submit, "io_submit", absent, Refused(AIO)),
    Row::new(
        raw::__NR_io_uring_enter,
        "io_uring_enter",
        absent,
        Refused(IO_URING),
    ),
    Row::new(
        raw::__NR_io_uring_register,
        "io_uring_register",
        absent,
        Refused(IO_URING),
    ),
    Row::new(
        raw::__NR_io_uring_setup,
        "io_uring_setup",
        absent,
        Refused(IO_URING),
    ),
    Row::new(raw::__NR_ioperm, "ioperm", forbidden, Refused(MACHINE)),
    Row::new(raw::__NR_iopl, "iopl", forbidden, Refused(MACHINE)),
    Row::new(raw::__NR_kcmp, "kcmp", absent, Refused(TRACING)),
    Row::new(
        raw::__NR_kexec_file_load,
        "kexec_load",
        forbidden,
        Refused(MACHINE),
    ),
    Row::new(raw::__NR_kexec_load, "kexec_load", forbidden, Refused(MACHINE)),
    Row::new(raw::__NR_keyctl, "keyctl", absent, Refused(KEYS)),
    Row::new(
        raw::__NR_landlock_add_rule,
        "landlock_add_rule",
        absent,
        Refused(SANDBOX),
    ),
    Row::new(
        raw::__NR_landlock_create_ruleset,
        "landlock_create_ruleset",
        absent,
        Refused(SANDBOX),
    ),
    Row::new(
        raw::__NR_landlock_restrict_self,
        "landlock_restrict_self",
        absent,
        Refused(SANDBOX),
    ),
    Row::new(raw::__NR_lookup_dcookie, "lookup_dcookie", absent, Refused(OLD)),
    Row::new(raw::__NR_mbind, "mbind", absent, Refused(NUMA)),
    Row::new(
        raw::__NR_memfd_secret,
        "memfd_secret",
        absent,
        Refused("ENOSYS: memory is hidden from nobody but the program itself"),
    ),
    Row::new(raw::__NR_migrate_pages, "migrate_pages", absent, Refused(NUMA)),
    Row::new(
        raw::__NR_modify_ldt,
        "modify_ldt",
        absent,
        Refused("ENOSYS: no 16-bit and 32-bit segments"),
    ),
    Row::new(
        raw::__NR_mount_setattr,
        "mount_setattr",
        forbidden,
        Refused(MOUNT),
    ),
    Row::new(raw::__NR_move_mount, "move_mount", forbidden, Refused(MOUNT)),
    Row::new(raw::__NR_move_pages, "move_pages", absent, Refused(NUMA)),
    Row::new(raw::__NR_msgctl, "msgctl", absent, Refused(SYSTEM_V)),
    Row::new(raw::__NR_msgget, "msgget", absent, Refused(SYSTEM_V)),
    Row::new(raw::__NR_msgrcv, "msgop", absent, Refused(SYSTEM_V)),
    Row::new(raw::__NR_msgsnd, "msgop", absent, Refused(SYSTEM_V)),
    Row::new(
        raw::__NR_name_to_handle_at,
        "open_by_handle_at",
        unsupported,
        Refused(HANDLES),
    ),
    Row::new(
        raw::__NR_open_by_handle_at,
        "open_by_handle_at",
        unsupported,
        Refused(HANDLES),
    ),
    Row::new(raw::__NR_open_tree, "open_tree", forbidden, Refused(MOUNT)),
    Row::new(
        raw::__NR_perf_event_open,
        "perf_event_open",
        absent,
        Refused(TRACING),
    ),
    Row::new(
        raw::__NR_process_madvise,
        "process_madvise",
        absent,
        Refused(TRACING),
    ),
    Row::new(
        raw::__NR_process_mrelease,
        "process_mrelease",
        absent,
        Refused(TRACING),
    ),
    Row::new(
        raw::__NR_process_vm_readv,
        "process_vm_readv",
        absent,
        Refused(TRACING),
    ),
    Row::new(
        raw::__NR_process_vm_writev,
        "process_vm_readv",
        absent,
        Refused(TRACING),
    ),
    Row::new(raw::__NR_ptrace, "ptrace", absent, Refused(TRACING)),
    Row::new(
        raw::__NR_quotactl,
        "quotactl",
        absent,
        Refused("ENOSYS: no quotas"),
    ),
    Row::new(
        raw::__NR_quotactl_fd,
        "quotactl",
        absent,
        Refused("ENOSYS: no quotas"),
    ),
    Row::new(raw::__NR_reboot, "reboot", forbidden, Refused(MACHINE)),
    Row::new(raw::__NR_request_key, "request_key", absent, Refused(KEYS)),
    Row::new(raw::__NR_seccomp, "seccomp", absent, Refused(SANDBOX)),
    Row::new(raw::__NR_semctl, "semctl", absent, Refused(SYSTEM_V)),
    Row::new(raw::__NR_semget, "semget", absent, Refused(SYSTEM_V)),
    Row::new(raw::__NR_semop, "semop", absent, Refused(SYSTEM_V)),
    Row::new(raw::__NR_semtimedop, "semop", absent, Refused(SYSTEM_V)),
    Row::new(raw::__NR_set_mempolicy, "set_mempolicy", absent, Refused(NUMA)),
    Row::new(
        raw::__NR_set_mempolicy_home_node,
        "set_mempolicy",
        absent,
        Refused(NUMA),
    ),
    Row::new(raw::__NR_setns, "setns", forbidden, Refused(NAMESPACES)),
    Row::new(raw::__NR_swapoff, "swapon", forbidden, Refused(MACHINE)),
    Row::new(raw::__NR_swapon, "swapon", forbidden, Refused(MACHINE)),
    Row::new(raw::__NR_sysfs, "sysfs", absent, Refused(OLD)),
    Row::new(raw::__NR_unshare, "unshare", forbidden, Refused(NAMESPACES)),
    Row::new(raw::__NR_uselib, "uselib", absent, Refused(OLD)),
    Row::new(
        raw::__NR_userfaultfd,
        "userfaultfd",
        absent,
        Refused("ENOSYS: programs fall back on SIGSEGV"),
    ),
    Row::new(raw::__NR_vhangup, "vhangup", forbidden, Refused(MACHINE)),
];
