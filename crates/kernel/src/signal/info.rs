//! What is told about a signal: numbers, sets, `siginfo_t`.

use crate::{process::PID, user::Plain};
use linux_raw_sys::general as raw;

/// A set of signals as `sigset_t` of the kernel has it: bit `n - 1` is signal `n`.
pub type SigSet = u64;

/// Highest signal number (`_NSIG`).
pub const MAX: i32 = 64;

/// First realtime signal; from here on every instance is queued (`signal(7)`).
pub const REALTIME: i32 = raw::SIGRTMIN as i32;

/// The set that holds just this signal (1 to 64).
#[must_use]
pub const fn bit(signal: i32) -> SigSet {
    1 << ((signal - 1) & 63)
}

/// Makes a set from raw signal numbers.
pub(super) const fn set_of(signals: &[u32]) -> SigSet {
    let (mut set, mut index) = (0, 0);
    while index < signals.len() {
        set |= bit(signals[index] as i32);
        index += 1;
    }
    set
}

/// Can be neither caught, blocked nor ignored.
pub const UNSTOPPABLE: SigSet = set_of(&[raw::SIGKILL, raw::SIGSTOP]);

/// Raised by the instruction that runs; served before others.
pub(super) const SYNCHRONOUS: SigSet = set_of(&[
    raw::SIGSEGV,
    raw::SIGBUS,
    raw::SIGILL,
    raw::SIGTRAP,
    raw::SIGFPE,
    raw::SIGSYS,
]);

/// Without effect by default (`signal(7)`); stopping a process is without effect here too, as nobody could let it go on.
pub(super) const IGNORED_BY_DEFAULT: SigSet = set_of(&[
    raw::SIGCHLD,
    raw::SIGCONT,
    raw::SIGURG,
    raw::SIGWINCH,
    raw::SIGSTOP,
    raw::SIGTSTP,
    raw::SIGTTIN,
    raw::SIGTTOU,
]);

/// Those that stop a process elsewhere.
pub(super) const STOPPING: SigSet = set_of(&[raw::SIGSTOP, raw::SIGTSTP, raw::SIGTTIN, raw::SIGTTOU]);

/// Those whose default action dumps core in Linux (`signal(7)`); here they print a crash report.
pub(super) const DUMPS_CORE: SigSet = set_of(&[
    raw::SIGQUIT,
    raw::SIGILL,
    raw::SIGTRAP,
    raw::SIGABRT,
    raw::SIGBUS,
    raw::SIGFPE,
    raw::SIGSEGV,
    raw::SIGXCPU,
    raw::SIGXFSZ,
    raw::SIGSYS,
]);

/// `siginfo_t` (`sigaction(2)`): 128 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SigInfo {
    /// `si_signo`.
    pub signo: i32,
    /// `si_errno`; Linux leaves it 0.
    pub errno: i32,
    /// `si_code`: who or what sent it.
    pub code: i32,
    pad: i32,
    /// The union. `kill(2)`: process in the low, user in the high half of word 0. `sigqueue(3)`: the value in word 1. Faults: the address in
    /// word 0. Timers: identifier and overrun in word 0, value in word 1.
    pub fields: [u64; 14],
}

const _: () = assert!(size_of::<SigInfo>() == raw::SI_MAX_SIZE as usize);

// SAFETY: integers only, without padding.
unsafe impl Plain for SigInfo {}

impl SigInfo {
    /// A signal with nothing in the union.
    #[must_use]
    pub const fn new(signo: i32, code: i32) -> Self {
        Self {
            signo,
            errno: 0,
            code,
            pad: 0,
            fields: [0; 14],
        }
    }

    /// From this process (`kill(2)`: `SI_USER`, `tgkill(2)`: `SI_TKILL`).
    #[must_use]
    pub const fn from_process(signo: i32, code: i32) -> Self {
        let mut info = Self::new(signo, code);
        info.fields[0] = PID as u64;
        info
    }

    /// From the kernel itself (`SI_KERNEL`).
    #[must_use]
    pub const fn from_kernel(signo: i32) -> Self {
        Self::new(signo, raw::SI_KERNEL as i32)
    }

    /// A fault at an address.
    #[must_use]
    pub const fn fault(signo: i32, code: i32, address: u64) -> Self {
        let mut info = Self::new(signo, code);
        info.fields[0] = address;
        info
    }

    /// `si_pid`.
    #[must_use]
    pub const fn pid(&self) -> i32 {
        self.fields[0] as i32
    }

    /// `si_addr` of a fault.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.fields[0]
    }
}
