//! What the program wants to happen on a signal, `sigaction(2)`.

use super::info::{IGNORED_BY_DEFAULT, SigSet, UNSTOPPABLE, bit};
use crate::{
    errno::{Errno, Result},
    sync::Lock,
    user::Plain,
};

const SIG_DFL: u64 = 0;
const SIG_IGN: u64 = 1;

/// `struct kernel_sigaction` of x86-64: what `rt_sigaction` takes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// Address of the handler, or `SIG_DFL` (0), or `SIG_IGN` (1).
    pub handler: u64,
    /// `SA_*`.
    pub flags: u64,
    /// Where the handler returns to; calls `rt_sigreturn`.
    pub restorer: u64,
    /// Blocked while the handler runs, besides the signal itself.
    pub mask: SigSet,
}

// SAFETY: integers only, without padding.
unsafe impl Plain for Action {}

impl Action {
    /// The default action.
    pub const DEFAULT: Self = Self {
        handler: SIG_DFL,
        flags: 0,
        restorer: 0,
        mask: 0,
    };

    /// True if nothing is to happen on `signal`.
    #[must_use]
    pub const fn ignores(&self, signal: i32) -> bool {
        match self.handler {
            SIG_IGN => bit(signal) & UNSTOPPABLE == 0,
            SIG_DFL => bit(signal) & IGNORED_BY_DEFAULT != 0,
            _ => false,
        }
    }

    /// True if a handler is to be called.
    #[must_use]
    pub const fn has_handler(&self) -> bool {
        self.handler > SIG_IGN
    }

    /// True if all these `SA_*` bits are set.
    #[must_use]
    pub const fn has(&self, flags: u32) -> bool {
        self.flags & flags as u64 == flags as u64
    }
}

static ACTIONS: Lock<[Action; 64]> = Lock::new([Action::DEFAULT; 64]);

/// The action for a signal (1 to 64).
#[must_use]
pub fn get(signal: i32) -> Action {
    ACTIONS.lock()[(signal - 1) as usize & 63]
}

/// Changes the action for a signal and gives the one before.
///
/// # Errors
///
/// `EINVAL` for `SIGKILL` and `SIGSTOP`.
pub fn set(signal: i32, mut action: Action) -> Result<Action> {
    if bit(signal) & UNSTOPPABLE != 0 {
        return Err(Errno::EINVAL);
    }
    action.mask &= !UNSTOPPABLE;
    Ok(core::mem::replace(
        &mut ACTIONS.lock()[(signal - 1) as usize & 63],
        action,
    ))
}

/// The signals that are set to be ignored, and those that have a handler (`proc_pid_status(5)`).
#[must_use]
pub fn sets() -> (SigSet, SigSet) {
    let actions = ACTIONS.lock();
    let with = |wanted: fn(&Action) -> bool| {
        let signals = (1..=64).filter(|&signal| wanted(&actions[signal as usize - 1]));
        signals.map(bit).sum()
    };
    (
        with(|action| action.handler == SIG_IGN),
        with(Action::has_handler),
    )
}

/// Those signals among `set` that would be ignored.
pub(super) fn ignored(set: SigSet) -> SigSet {
    if set == 0 {
        return 0;
    }
    let actions = ACTIONS.lock();
    (1..=64)
        .filter(|&signal| set & bit(signal) != 0 && actions[signal as usize - 1].ignores(signal))
        .map(bit)
        .sum()
}
