//! The library OS of uigniter: it runs one unmodified Linux program, in one address space with it, in ring 3.
//!
//! Layers, from the ground up; a module uses only those above it in this list, or its own siblings:
//!
//! | module | is |
//! |---|---|
//! | [`errno`], [`sync`] | error numbers; locks |
//! | [`arch`] | the ring-0 shim, system call entry, interrupts, context switch (x86-64) |
//! | [`mm`], [`user`] | frames, kernel heap, page tables, the program's memory map; checked access to its memory |
//! | [`time`], [`sched`], [`wait`] | clocks and timers; threads and who runs; waiting for something |
//! | [`drivers`] | virtio over MMIO, the serial port, how devices are found |
//! | [`file`], [`fs`], [`net`], [`event`] | what a file descriptor can be |
//! | [`process`], [`signal`] | the one process: its descriptors, limits, signals |
//! | [`syscall`] | one file per system call, and the table |
//! | [`vdso`] | clocks without a system call |
//! | [`boot`] | from the entry point to the program's first instruction |
//!
//! The kernel is not preempted: an interrupt that comes while it works is noted and served on the way out ([`arch::interrupt`]).
//! So a [`sync::Lock`] is never waited for on one vCPU; it is there because there will be more than one. Their order is in [`sync::rank`].
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod arch;
pub mod boot;
pub mod drivers;
pub mod entropy;
pub mod errno;
pub mod event;
pub mod file;
pub mod fs;
#[cfg(test)]
mod fuzz;
pub mod log;
pub mod mm;
pub mod net;
pub mod process;
pub mod sched;
pub mod signal;
pub mod sync;
pub mod syscall;
pub mod time;
pub mod user;
pub mod vdso;
pub mod wait;
