//! Words of the kernel itself, on the console: few, early and last.
//!
//! [`log!`](crate::log!) is for what the person at the console must know; [`verbose!`](crate::verbose!) for what `--verbose` asks for.

use core::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Switches [`verbose!`](crate::verbose!) on.
pub fn set_verbose(on: bool) {
    VERBOSE.store(on, Ordering::Relaxed);
}

/// True when `--verbose` was given.
pub fn is_verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}

/// Writes to the console; used through the macros.
pub fn print(arguments: fmt::Arguments<'_>) {
    crate::drivers::console::print(arguments);
}

/// One line on the console, behind the prefix `uigniter: `.
#[macro_export]
macro_rules! log {
    ($($arg:tt)*) => { $crate::log::print(format_args!("uigniter: {}\n", format_args!($($arg)*))) };
}

/// As [`log!`](crate::log!), only with `--verbose`.
#[macro_export]
macro_rules! verbose {
    ($($arg:tt)*) => { if $crate::log::is_verbose() { $crate::log!($($arg)*) } };
}
