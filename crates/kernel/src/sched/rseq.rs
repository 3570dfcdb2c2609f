//! Restartable sequences, `rseq(2)`: a thread that is interrupted in a section which it has named goes on at the section's abort handler.
//!
//! A thread is interrupted when another one ran in its place, and when a signal's handler is called; system calls are not made in sections. The
//! processor's number, which the structure also holds, never changes while there is one.

use super::Thread;
use crate::{
    errno::{Errno, Result},
    user::UserPtr,
};

/// Where a thread keeps its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rseq {
    /// Address of `struct rseq`.
    pub address: u64,
    /// Its length in bytes.
    pub len: u32,
    /// What lies before each abort handler.
    pub signature: u32,
}

/// Offset of the pointer to the current section's description.
const SECTION: u64 = 8;

/// Description of a section, `struct rseq_cs`: version and flags, start, length, abort handler.
type Section = [u64; 4];

/// Where a thread goes on that was interrupted at `rip`; the section, if it was in one, is over.
///
/// # Errors
///
/// `EFAULT` if the structure or the description cannot be read, `EINVAL` if they make no sense: the program gets `SIGSEGV`, as in Linux.
pub fn after_interruption(thread: &Thread, rip: u64) -> Result<u64> {
    let Some(rseq) = *thread.rseq.lock() else {
        return Ok(rip);
    };
    let pointer = UserPtr::<u64>::new(rseq.address + SECTION);
    let at = pointer.read()?;
    if at == 0 {
        return Ok(rip);
    }
    let [version_and_flags, start, len, abort] = UserPtr::<Section>::new(at).read()?;
    pointer.write(0)?;
    if rip.wrapping_sub(start) >= len {
        return Ok(rip);
    }
    let marked = UserPtr::<u32>::new(abort.wrapping_sub(4)).read()? == rseq.signature;
    if version_and_flags != 0 || !marked || abort.wrapping_sub(start) < len {
        return Err(Errno::EINVAL);
    }
    Ok(abort)
}
