//! System calls without a trap: the program's `syscall` instructions become jumps to the kernel.
//!
//! A trap costs 1.2 us on a host that shadows page tables, ten times what Linux takes for the whole call; kernel and program share one address space
//! and one ring here, so a jump does as well. At the first trap out of a page of code its `syscall`s are looked for (`scan`; most pages never trap, and to look at all would take a
//! twentieth of a cold start); each that can be proved to be one gets a stub within reach of a `jmp rel32`, in a copy of the page. What cannot be proved, and what
//! a program writes or maps for itself (a JIT's code), stays a trap; so does what lies so near to the start of its page that there are not bytes enough for a proof, or
//! reaches over its end. `vdso(7)` aside, a program notices two things: its code reads differently, and `/proc/self/maps` has lines named `[syscalls]`.
//!
//! Stubs stay for good, as some thread may be on its way through; at most 8,128 are made. A page that comes
//! back finds its stubs again. While a thread is between its site and the kernel's door it counts as standing at the site (`settle`).
//!
//! Rejected: a page of entries at address 0 and `call rax` in place of `syscall` (zpoline), as null pointers would no longer fault and a
//! call writes into the red zone; `iced-x86`, whose tables take 0.4 ms to build at the first use, a twentieth of a cold start; `lde`, which gets `movabs` wrong.

#[cfg(any(feature = "elf", test))]
mod arena;
#[cfg(any(feature = "elf", test))]
mod decode;
#[cfg(feature = "elf")]
mod live;
#[cfg(any(feature = "elf", test))]
mod scan;
#[cfg(any(feature = "elf", test))]
mod stub;

#[cfg(feature = "elf")]
pub use live::{settle, trapped};
#[cfg(any(feature = "elf", test))]
pub use stub::Patch;

#[cfg(test)]
mod tests;
