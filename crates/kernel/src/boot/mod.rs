//! From the entry point to the first instruction of the program.
//!
//! - [`start`]: the order of things. [`platform`]: what the monitor says (memory, command line, ACPI). [`clocksource`]: how fast the TSC runs.
//! - [`exec`]: loading the program. [`stack`]: its first stack. [`crash`]: last words.

pub mod exec;
pub mod platform;
pub mod stack;

#[cfg(feature = "elf")]
mod clocksource;
#[cfg(feature = "elf")]
pub mod crash;
#[cfg(feature = "elf")]
mod start;

#[cfg(feature = "elf")]
pub use start::start;

use alloc::string::String;

/// Why boot ended before the program's first instruction. One line each, with the way out.
#[derive(Debug)]
pub enum Error {
    /// The boot line.
    Arguments(uigniter_abi::boot_args::Error),
    /// The root file system.
    Root(String),
    /// The program.
    Program(exec::Error),
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Arguments(error) => error.fmt(f),
            Self::Root(why) => f.write_str(why),
            Self::Program(error) => error.fmt(f),
        }
    }
}
