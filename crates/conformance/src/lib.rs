//! Runs ordinary Linux programs on the host and in a guest, and compares what they print and how they end.
//!
//! Linux is the oracle: nobody writes expectations by hand. A program is one C file in `programs/` or one Rust file in
//! `programs-rs/`, named `FAMILY_BEHAVIOUR`, that prints only what is the same on every machine.
//!
//! | module | is |
//! |---|---|
//! | [`program`] | which programs there are, and for which C libraries and link modes each is built |
//! | [`build`] | compilers, and what they made before |
//! | [`host`] | one run on this machine |
//! | [`guest`] | one run in a microVM: [`vmm`] on KVM, [`qemu`] elsewhere |
//! | [`bounded`] | a child process that ends in time, one way or the other |
//! | [`compare`] | what differs, and which differences are known |
#![forbid(unsafe_code)]

pub mod bounded;
pub mod build;
pub mod compare;
pub mod guest;
pub mod host;
pub mod program;
pub mod qemu;
pub mod vmm;

use uigniter_abi::exit::ExitStatus;

/// What one run of a program gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Standard output and standard error, in the order in which they were written.
    pub output: Vec<u8>,
    /// How it ended.
    pub status: ExitStatus,
}
