//! `arch_prctl(2)`: the thread pointer.

use crate::{
    arch::cpu,
    errno::{Errno, Result},
    syscall::Args,
};

// Linux's `asm/prctl.h`, which `linux-raw-sys` leaves out.
const ARCH_SET_GS: u32 = 0x1001;
const ARCH_SET_FS: u32 = 0x1002;
const ARCH_GET_FS: u32 = 0x1003;
const ARCH_GET_GS: u32 = 0x1004;

/// Sets or gets FS or GS base. Other functions (`ARCH_CET_STATUS` and the like) answer `EINVAL`, as kernels without them do.
pub(super) fn arch_prctl(args: &Args) -> Result<usize> {
    let address = args.0[1];
    match args.uint(0) {
        // A program's addresses end where its part of the address space does; the instruction faults on what is not canonical.
        ARCH_SET_FS | ARCH_SET_GS if address >> 47 != 0 => return Err(Errno::EPERM),
        ARCH_SET_FS => cpu::set_fs_base(address),
        ARCH_SET_GS => cpu::set_gs_base(address),
        ARCH_GET_FS => args.ptr::<u64>(1).write(cpu::fs_base())?,
        ARCH_GET_GS => args.ptr::<u64>(1).write(cpu::gs_base())?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}
