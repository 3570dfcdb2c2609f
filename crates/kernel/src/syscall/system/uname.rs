//! `uname`.

use crate::{errno::Result, process::process, syscall::Args};
use core::sync::atomic::Ordering;

/// Bytes of each field of `struct new_utsname`.
const FIELD: usize = 65;

/// The part of a personality that is not flags, and the one of 32-bit programs (`personality(2)`).
const PERSONALITY: u32 = 0xff;
const PER_LINUX32: u32 = 8;

/// What programs take for the kernel's version; C libraries refuse kernels that are too old
pub(super) const RELEASE: &str = "6.1.0-uigniter";

pub(super) fn uname(args: &Args) -> Result<usize> {
    let mut fields = [[0u8; FIELD]; 6];
    let hostname = process().hostname.lock().clone();
    let domain = process().domain();
    let machine = match process().personality.load(Ordering::Relaxed) & PERSONALITY {
        PER_LINUX32 => "i686",
        _ => "x86_64",
    };
    let texts = ["Linux", &hostname, RELEASE, "#1 uigniter", machine, &domain];
    for (field, text) in fields.iter_mut().zip(texts) {
        let len = text.len().min(FIELD - 1);
        field[..len].copy_from_slice(&text.as_bytes()[..len]);
    }
    args.ptr::<[[u8; FIELD]; 6]>(0).write(fields)?;
    Ok(0)
}
