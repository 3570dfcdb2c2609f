//! What guest and host agree on, and nothing else: boot arguments, exit codes, and the device addresses that are ours.
//!
//! The monitor (`uigniter-vmm`), the manager (`uigniter-daemon`) and the library OS (`uigniter-kernel`) all depend on
//! this crate and on nothing else of each other's. It is `no_std` with `alloc`, so that the one parser of the
//! boot line is tested and fuzzed on the host and runs unchanged in the guest.
//!
//! Numbers that leave this crate are pinned by the `const` assertions at the end of each module: whoever changes one
//! changes what already-built kernels and running monitors say to each other.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod boot_args;
pub mod device;
pub mod exit;
pub mod script;
