//! What threads give up before the guest's first instruction: all system calls but the few that they live on (`seccomp(2)`).
//!
//! CPU threads and the device thread handle bytes that the guest made up. A flaw there must not become a shell on the host, so each
//! of them gets a filter of its own. A call that is not on the list fails with `EPERM`, and does not kill the process: then the exit file
//! and the last words are still written by the main thread, which touches nothing of the guest's.

use std::{collections::BTreeMap, sync::OnceLock};

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

/// Why a thread could not be confined.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The filter cannot be made; a defect of ours.
    #[error("cannot make a seccomp filter: {0}")]
    Compile(String),
    /// The kernel does not take it.
    #[error("cannot confine a thread: {0}; the host's kernel needs CONFIG_SECCOMP_FILTER")]
    Apply(String),
}

/// What every thread needs: memory, locks, signals, the end.
const COMMON: &[libc::c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_madvise,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_poll,
    libc::SYS_read,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_yield,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    libc::SYS_write,
    libc::SYS_close,
];

/// What the device thread needs besides.
const DEVICES: &[libc::c_long] = &[
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_wait,
    libc::SYS_fdatasync,
    libc::SYS_getrandom,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_readv,
    libc::SYS_writev,
];

/// `linux/if_tun.h`: a driver's reset and activation set the tap's offloads, on the CPU's thread.
const TUNSETOFFLOAD: u64 = 0x4004_54d0;

/// `linux/kvm.h`: run, the registers for last words, and the note that time was lost.
const VCPU_IOCTLS: &[u64] = &[
    0xae80,      // KVM_RUN
    0x8090_ae81, // KVM_GET_REGS
    0x8138_ae83, // KVM_GET_SREGS
    0xaead,      // KVM_KVMCLOCK_CTRL
    TUNSETOFFLOAD,
];

static VCPU: OnceLock<Result<BpfProgram, Error>> = OnceLock::new();
static DEVICE: OnceLock<Result<BpfProgram, Error>> = OnceLock::new();

/// Makes the filters, so that threads find them ready.
pub(crate) fn prepare() {
    VCPU.get_or_init(|| compile(&[], VCPU_IOCTLS));
    DEVICE.get_or_init(|| compile(DEVICES, &[]));
}

/// Called by each virtual CPU's thread before it runs the guest.
///
/// # Errors
///
/// See [`Error`]; the guest must not run then.
pub(crate) fn enter_vcpu() -> Result<(), Error> {
    apply(VCPU.get_or_init(|| compile(&[], VCPU_IOCTLS)))
}

/// Called by the device thread before it serves the guest.
///
/// # Errors
///
/// See [`Error`]; the guest must not be served then.
pub(crate) fn enter_devices() -> Result<(), Error> {
    apply(DEVICE.get_or_init(|| compile(DEVICES, &[])))
}

fn apply(program: &Result<BpfProgram, Error>) -> Result<(), Error> {
    let program = program.as_ref().map_err(Clone::clone)?;
    seccompiler::apply_filter(program).map_err(|error| Error::Apply(error.to_string()))
}

fn compile(calls: &[libc::c_long], ioctls: &[u64]) -> Result<BpfProgram, Error> {
    let failed = |error: seccompiler::BackendError| Error::Compile(error.to_string());
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = COMMON
        .iter()
        .chain(calls)
        .map(|call| (*call, Vec::new()))
        .collect();
    let mut ioctl_rules = Vec::with_capacity(ioctls.len());
    for request in ioctls {
        let is_request = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *request);
        ioctl_rules.push(SeccompRule::new(vec![is_request.map_err(failed)?]).map_err(failed)?);
    }
    if !ioctl_rules.is_empty() {
        rules.insert(libc::SYS_ioctl, ioctl_rules);
    }
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, TargetArch::x86_64)
        .and_then(BpfProgram::try_from)
        .map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// On a thread of its own, which stays confined until it ends.
    fn confined(enter: fn() -> Result<(), Error>) -> bool {
        std::thread::spawn(move || {
            enter().unwrap();
            File::open("/dev/null").is_err()
        })
        .join()
        .unwrap()
    }

    #[test]
    fn confined_threads_cannot_open_files_and_others_can() {
        prepare();
        assert!(confined(enter_vcpu));
        assert!(confined(enter_devices));
        assert!(File::open("/dev/null").is_ok());
    }
}
