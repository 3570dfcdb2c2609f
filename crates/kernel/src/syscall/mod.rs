//! System calls: one file each, named for its man page, in the folder of its family, and one row in that family's table.
//!
//! A handler is a plain function from [`Args`] to a [`Result`]; [`dispatch`] is the one place where an error becomes a
//! negative number. What has no row answers `ENOSYS` and says so once on the console.

use crate::errno::{Errno, Result};
use core::sync::atomic::{AtomicU64, Ordering};

pub mod event;
pub mod fs;
mod ipc;
pub mod memory;
pub mod net;
mod refused;
pub mod signal;
pub mod system;
pub mod task;
pub mod time;

/// The six arguments as they came in registers.
#[derive(Clone, Copy, Debug)]
pub struct Args(pub [u64; 6]);

impl Args {
    /// An argument as an `int`.
    #[must_use]
    pub const fn int(&self, index: usize) -> i32 {
        self.0[index] as i32
    }

    /// An argument as an `unsigned int` (flags).
    #[must_use]
    pub const fn uint(&self, index: usize) -> u32 {
        self.0[index] as u32
    }

    /// An argument as `size_t` or `unsigned long`.
    #[must_use]
    pub const fn size(&self, index: usize) -> usize {
        self.0[index] as usize
    }

    /// An argument as a pointer to `T`.
    #[must_use]
    pub const fn ptr<T>(&self, index: usize) -> crate::user::UserPtr<T> {
        crate::user::UserPtr::new(self.0[index])
    }

    /// Two arguments as a buffer: address at `index`, length after it.
    #[must_use]
    pub const fn slice(&self, index: usize) -> crate::user::UserSlice {
        crate::user::UserSlice::new(self.0[index], self.0[index + 1] as usize)
    }
}

/// How much of a system call there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// All that its man page says and a program in a unikernel can tell.
    Full,
    /// What is missing is said in the row.
    Partial(&'static str),
    /// Accepted and without effect, for the reason in the row.
    Stub(&'static str),
    /// Refused on purpose with an errno that makes programs fall back, for the reason in the row.
    Refused(&'static str),
}

/// One system call.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Number (`linux_raw_sys::general::__NR_*`).
    pub number: u32,
    /// Name of the man page and of the file.
    pub name: &'static str,
    /// What does it.
    pub handler: fn(&Args) -> Result<usize>,
    /// How much of it there is.
    pub support: Support,
}

impl Row {
    /// A row for a number whose handler is not named for the man page, as where one page has several calls.
    #[must_use]
    pub const fn new(
        number: u32,
        name: &'static str,
        handler: fn(&Args) -> Result<usize>,
        support: Support,
    ) -> Self {
        Self {
            number,
            name,
            handler,
            support,
        }
    }
}

/// A table row: `row!(__NR_read, read, Full)` is the function `read::read` of the file `read.rs`.
#[macro_export]
macro_rules! row {
    ($number:ident, $name:ident, $($support:tt)+) => {
        $crate::syscall::Row {
            number: linux_raw_sys::general::$number,
            name: stringify!($name),
            handler: $name::$name,
            support: $crate::syscall::Support::$($support)+,
        }
    };
}

/// The tables of all families.
pub const FAMILIES: [&[Row]; 10] = [
    fs::ROWS,
    net::ROWS,
    event::ROWS,
    memory::ROWS,
    task::ROWS,
    signal::ROWS,
    time::ROWS,
    system::ROWS,
    ipc::ROWS,
    refused::ROWS,
];

const TABLE_LEN: usize = 512;

static TABLE: [Option<&Row>; TABLE_LEN] = {
    let mut table = [None; TABLE_LEN];
    let mut family = 0;
    while family < FAMILIES.len() {
        let rows = FAMILIES[family];
        let mut row = 0;
        while row < rows.len() {
            let slot = &mut table[rows[row].number as usize];
            assert!(slot.is_none(), "two rows for one system call number");
            *slot = Some(&rows[row]);
            row += 1;
        }
        family += 1;
    }
    table
};

static MISSING: [AtomicU64; TABLE_LEN / 64] = [const { AtomicU64::new(0) }; TABLE_LEN / 64];

/// Runs one system call and gives what belongs into the program's RAX.
pub fn dispatch(number: u64, args: &Args) -> i64 {
    let row = usize::try_from(number)
        .ok()
        .and_then(|number| TABLE.get(number).copied().flatten());
    let result = match row {
        Some(row) => (row.handler)(args),
        None => {
            note_missing(number);
            Err(Errno::ENOSYS)
        }
    };
    match result {
        Ok(value) => value as i64,
        Err(errno) => -i64::from(errno.0),
    }
}

fn note_missing(number: u64) {
    let bit = 1 << (number % 64);
    let known = MISSING
        .get(number as usize / 64)
        .map(|word| word.fetch_or(bit, Ordering::Relaxed) & bit != 0);
    if known != Some(true) {
        crate::log!("system call {number} is not implemented (ENOSYS)");
    }
}

#[cfg(test)]
mod tests;
