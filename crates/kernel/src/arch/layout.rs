//! The one address space.
//!
//! | virtual | what | ring 3 |
//! |---|---|---|
//! | 0 .. 2 MiB | ring-0 shim, identity-mapped; its windows to the shared page and the local APIC | no access |
//! | 2 MiB .. [`PROGRAM_END`] | the program | as it maps it |
//! | [`LINEAR`] .. | all of guest-physical memory, 512 GiB in 2 MiB pages | read, write |
//! | [`KERNEL`] .. | kernel code (4 MiB), kernel data (2 MiB) | as `kernel.ld` says |
//!
//! The page tables for all but the program's part are constants in the ELF: code that fills tables in ring 0 would cost a
//! microsecond an instruction on a host that emulates ring 0.

/// Lowest address a program may map. Linux's own `mmap_min_addr` is 64 KiB; the first 2 MiB are the shim's here.
pub const PROGRAM_START: u64 = 0x20_0000;

/// One past the highest address of the program's part.
pub const PROGRAM_END: u64 = 0x7e00_0000_0000;

/// Where guest-physical address 0 is mapped.
pub const LINEAR: u64 = 0x7f00_0000_0000;

/// Bytes of guest-physical memory that the linear map covers.
pub const LINEAR_SIZE: u64 = 512 << 30;

/// Kernel addresses minus their guest-physical ones.
pub const KERNEL: u64 = 0x7f80_0000_0000;

/// Guest-physical end of the ring-0 shim.
pub const SHIM_END: u64 = 0x11_0000;

/// Guest-physical start of the kernel's code.
pub const KERNEL_TEXT: u64 = 0x20_0000;

/// Guest-physical start of the kernel's data.
pub const KERNEL_DATA: u64 = 0x60_0000;

/// Guest-physical end of what the boot image may occupy; what lies between its parts is given to the frame allocator.
pub const IMAGE_END: u64 = 0x80_0000;

/// Guest-physical address of the local APIC's registers (its reset value; nobody moves it).
pub const LAPIC: u64 = 0xfee0_0000;

/// The kernel's pointer to a guest-physical address.
#[must_use]
pub const fn linear(physical: u64) -> u64 {
    LINEAR + physical
}
