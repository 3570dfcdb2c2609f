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

/// What the thread of a shared folder needs besides those of [`DEVICES`]: files by descriptors and names, inside of its root (`devices::virtio::fs`).
/// Not among them is what leads out of a root (`chroot`, `mount` and their kind), runs programs or talks to others.
const FOLDERS: &[libc::c_long] = &[
    libc::SYS_capget,
    libc::SYS_capset,
    libc::SYS_dup,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchownat,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getdents64,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getuid,
    libc::SYS_linkat,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_readlinkat,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_setresgid,
    libc::SYS_setresuid,
    libc::SYS_statx,
    libc::SYS_symlinkat,
    libc::SYS_umask,
    libc::SYS_unlinkat,
    libc::SYS_utimensat,
];

/// Types of files that a guest may make in a shared folder (`inode(7)`): not devices, which the host would open for somebody.
const MADE_TYPES: &[u32] = &[0, libc::S_IFREG, libc::S_IFIFO, libc::S_IFSOCK];

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
static FOLDER: OnceLock<Result<BpfProgram, Error>> = OnceLock::new();

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

/// Called by the thread of a shared folder before it serves the guest, when the folder is its root.
///
/// # Errors
///
/// See [`Error`]; the guest must not be served then.
pub(crate) fn enter_folder() -> Result<(), Error> {
    apply(FOLDER.get_or_init(|| {
        let made = MADE_TYPES.iter().map(|kind| {
            let is_type = SeccompCmpOp::MaskedEq(libc::S_IFMT.into());
            SeccompCondition::new(2, SeccompCmpArgLen::Dword, is_type, (*kind).into())
        });
        let made = made.map(|condition| SeccompRule::new(vec![condition?]));
        let made = made.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let calls = [DEVICES, FOLDERS].concat();
        compile_with(&calls, BTreeMap::from([(libc::SYS_mknodat, made)]))
    }))
}

fn apply(program: &Result<BpfProgram, Error>) -> Result<(), Error> {
    let program = program.as_ref().map_err(Clone::clone)?;
    seccompiler::apply_filter(program).map_err(|error| Error::Apply(error.to_string()))
}

fn failed(error: seccompiler::BackendError) -> Error {
    Error::Compile(error.to_string())
}

fn compile(calls: &[libc::c_long], ioctls: &[u64]) -> Result<BpfProgram, Error> {
    let mut ioctl_rules = Vec::with_capacity(ioctls.len());
    for request in ioctls {
        let is_request = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, *request);
        ioctl_rules.push(SeccompRule::new(vec![is_request.map_err(failed)?]).map_err(failed)?);
    }
    let mut rules = BTreeMap::new();
    if !ioctl_rules.is_empty() {
        rules.insert(libc::SYS_ioctl, ioctl_rules);
    }
    compile_with(calls, rules)
}

/// A filter for all of `calls`, and for those of `rules` within them.
fn compile_with(
    calls: &[libc::c_long],
    mut rules: BTreeMap<i64, Vec<SeccompRule>>,
) -> Result<BpfProgram, Error> {
    rules.extend(COMMON.iter().chain(calls).map(|call| (*call, Vec::new())));
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
        assert!(!confined(enter_folder), "in a folder that is their root they can");
        assert!(File::open("/dev/null").is_ok());
    }
}
