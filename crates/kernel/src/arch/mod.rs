//! The machine: x86-64, in ring 3, above a ring-0 shim.
//!
//! On a host whose KVM emulates ring 0 one instruction at a time, everything that runs often must run in ring 3; so ring 0 holds only
//! [`shim`]: the way in at boot, and stubs that hand interrupts and faults up. The same ELF then needs no other path on hardware KVM or QEMU's TCG.
//!
//! - [`layout`]: what lies at which address.
//! - [`shim`] (ring 0) and [`entry`] (ring 3): the two sides of system calls, interrupts and faults, in assembly.
//! - [`trap`]: what the entry code calls. [`interrupt`]: device interrupts. [`lapic`]: the timer.
//! - [`percpu`]: what each processor has of its own. [`context`]: switching between threads. [`fpu`]: vector state. [`cpu`]: single instructions.

pub mod cpu;
pub mod fpu;
pub mod frame;
pub mod interrupt;
pub mod layout;

#[cfg(feature = "elf")]
pub mod context;
#[cfg(feature = "elf")]
mod entry;
#[cfg(feature = "elf")]
pub mod lapic;
#[cfg(feature = "elf")]
mod mem;
#[cfg(feature = "elf")]
pub mod percpu;
#[cfg(feature = "elf")]
mod shared;
#[cfg(feature = "elf")]
mod shim;
#[cfg(feature = "elf")]
pub mod trap;

#[cfg(feature = "elf")]
pub use shared::{flush_tlb, flush_widened};

/// Forgets all cached translations: there are none on the host.
#[cfg(not(feature = "elf"))]
pub fn flush_tlb() {}

/// As [`flush_tlb`].
#[cfg(not(feature = "elf"))]
pub fn flush_widened() {}
