//! Checks that several of the calls make.

use crate::{
    errno::{Errno, Result},
    sched::{self, Thread},
    signal::info::{MAX, SigSet},
};
use alloc::sync::Arc;

/// `sigsetsize` must be the kernel's.
pub(super) fn check_size(size: usize) -> Result<()> {
    if size == size_of::<SigSet>() {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

/// A signal number, or 0, which only asks.
pub(super) fn check_signal(signal: i32) -> Result<i32> {
    if (0..=MAX).contains(&signal) {
        Ok(signal)
    } else {
        Err(Errno::EINVAL)
    }
}

/// The thread with that number.
pub(super) fn thread(tid: i32) -> Result<Arc<Thread>> {
    if tid <= 0 {
        return Err(Errno::EINVAL);
    }
    sched::find(tid).ok_or(Errno::ESRCH)
}

/// The program's stack pointer during the call.
pub(super) fn stack_pointer() -> u64 {
    #[cfg(feature = "elf")]
    return crate::arch::trap::with_frame(|frame| frame.rsp);
    // On the host the program's stack is the kernel's.
    #[cfg(not(feature = "elf"))]
    {
        let here = 0u8;
        &raw const here as u64
    }
}
