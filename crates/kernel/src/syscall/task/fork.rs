//! `fork(2)` and `vfork(2)`: refused, as there is one address space and one process in it.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use core::sync::atomic::{AtomicBool, Ordering};

/// Refuses a second process.
pub(super) fn fork(_args: &Args) -> Result<usize> {
    refuse("fork")
}

/// `ENOSYS`, and a line that says what to do: once, as a program that tries again and again has been told.
pub(super) fn refuse(what: &str) -> Result<usize> {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        crate::log!(
            "{what} is refused (ENOSYS): a unikernel is one process; run the second program as an instance of its own"
        );
    }
    Err(Errno::ENOSYS)
}
