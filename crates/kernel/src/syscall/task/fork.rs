//! `fork(2)` and `vfork(2)`: refused, as there is one address space and one process in it.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

/// Refuses a second process.
pub(super) fn fork(_args: &Args) -> Result<usize> {
    refuse("fork")
}

/// `ENOSYS`, and a line that says what to do.
pub(super) fn refuse(what: &str) -> Result<usize> {
    crate::log!(
        "{what} is refused: a unikernel is one process; run the second program as an instance of its own"
    );
    Err(Errno::ENOSYS)
}
