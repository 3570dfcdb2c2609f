//! What stands for the memory map when the crate is a library on the host (unit tests, fuzzing): every address but the first page's is believed.

use super::Usage;
use crate::errno::{Errno, Result};
use alloc::string::String;

/// Believes every range that is not in the first page and does not wrap.
///
/// # Errors
///
/// `EFAULT`.
pub fn check_user(address: u64, len: usize, _write: bool) -> Result<()> {
    match address.checked_add(len as u64) {
        Some(_) if address >= 4096 => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// The host has room.
#[must_use]
pub fn has_room_for_program() -> bool {
    true
}

/// No map to show.
#[must_use]
pub fn maps_text() -> String {
    String::new()
}

/// No map to show.
#[must_use]
pub fn smaps_text() -> String {
    String::new()
}

/// No map to sum up.
#[must_use]
pub fn smaps_rollup_text() -> String {
    String::new()
}

/// Fixed figures.
#[must_use]
pub fn usage() -> Usage {
    Usage {
        locked: 0,
        total: 128 << 20,
        free: 64 << 20,
        mapped: 8 << 20,
        resident: 4 << 20,
    }
}
