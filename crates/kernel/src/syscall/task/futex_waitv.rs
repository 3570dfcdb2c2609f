//! `futex_waitv(2)`.

use super::futex;
use crate::{
    errno::{Errno, Result},
    syscall::Args,
    user::{Plain, UserPtr},
};
use alloc::vec::Vec;
use linux_raw_sys::general as raw;

/// `struct futex_waitv`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Entry {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

// SAFETY: integers only, without padding.
unsafe impl Plain for Entry {}

/// Waits until any of up to 128 futexes is woken; answers which.
pub(super) fn futex_waitv(args: &Args) -> Result<usize> {
    let (list, count, flags, clock) = (args.ptr::<Entry>(0), args.uint(1), args.uint(2), args.uint(4));
    if flags != 0 || !(1..=raw::FUTEX_WAITV_MAX).contains(&count) || list.is_null() {
        return Err(Errno::EINVAL);
    }
    let time: UserPtr<raw::__kernel_timespec> = args.ptr(3);
    let deadline = match (time.is_null(), clock) {
        (true, _) => None,
        (false, raw::CLOCK_MONOTONIC | raw::CLOCK_REALTIME) => {
            futex::absolute(time, clock == raw::CLOCK_REALTIME)?
        }
        (false, _) => return Err(Errno::EINVAL),
    };
    let mut futexes = Vec::new();
    for entry in list.read_vec(count as usize)? {
        let known = raw::FUTEX2_SIZE_MASK | raw::FUTEX2_PRIVATE;
        let word = entry.flags & raw::FUTEX2_SIZE_MASK == raw::FUTEX2_SIZE_U32;
        if entry.reserved != 0 || entry.flags & !known != 0 || !word || !entry.address.is_multiple_of(4) {
            return Err(Errno::EINVAL);
        }
        let value = u32::try_from(entry.value).map_err(|_| Errno::EINVAL)?;
        futexes.push((entry.address, value));
    }
    futex::wait_any(&futexes, deadline)
}
