//! `sysinfo`.

use crate::{errno::Result, mm, sched, syscall::Args, time, user::Plain};
use linux_raw_sys::system as raw;

/// `struct sysinfo`, in words: the two 16-bit and 32-bit fields stand alone in theirs.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct SysInfo([u64; 14]);

const _: () = assert!(size_of::<raw::sysinfo>() == size_of::<SysInfo>());

// SAFETY: integers only, without padding.
unsafe impl Plain for SysInfo {}

pub(super) fn sysinfo(args: &Args) -> Result<usize> {
    let mm::Usage { total, free, .. } = mm::usage();
    let threads = sched::threads().len() as u64;
    let mut words = [0; 14];
    // Uptime in seconds; three load averages; total, free, shared, buffers; swap; processes (threads count, as in Linux); high memory; unit.
    words[0] = time::now().0 / 1_000_000_000;
    words[4] = total;
    words[5] = free;
    words[10] = threads & 0xffff;
    words[13] = 1;
    args.ptr::<SysInfo>(0).write(SysInfo(words))?;
    Ok(0)
}
