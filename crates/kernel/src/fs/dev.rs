//! `/dev` (`null(4)`, `full(4)`, `random(4)`, `fd(4)`).

use super::{
    console,
    node::device_number,
    table::{Entry, Kind, OpenDevice, link},
};
use crate::{
    entropy,
    errno::{Errno, Result},
    file::{File, Stat},
};
use alloc::sync::Arc;
use core::any::Any;
use linux_raw_sys::general as raw;

const fn device(name: &'static str, major: u64, minor: u64, open: fn() -> Result<Arc<dyn File>>) -> Entry {
    Entry {
        name,
        permissions: 0o666,
        kind: Kind::Device(major, minor, open),
    }
}

/// What is in `/dev`. Numbers: Linux's `Documentation/admin-guide/devices.txt`.
pub(super) const ENTRIES: &[Entry] = &[
    device("null", 1, 3, || Ok(Arc::new(Memory::Null))),
    device("zero", 1, 5, || Ok(Arc::new(Memory::Zero))),
    device("full", 1, 7, || Ok(Arc::new(Memory::Full))),
    device("random", 1, 8, || Ok(Arc::new(Memory::Random))),
    device("urandom", 1, 9, || Ok(Arc::new(Memory::Random))),
    device("tty", 5, 0, console::open_tty),
    device("console", 5, 1, console::open),
    link("fd", "/proc/self/fd"),
    link("stdin", "/proc/self/fd/0"),
    link("stdout", "/proc/self/fd/1"),
    link("stderr", "/proc/self/fd/2"),
    Entry {
        name: "shm",
        permissions: 0o1777,
        kind: Kind::Directory(&[]),
    },
];

/// What opens the device of a number: one of `/dev`, or nothing.
pub(super) fn opener(mode: u32, number: u64) -> OpenDevice {
    let found = ENTRIES.iter().find_map(|entry| match entry.kind {
        Kind::Device(major, minor, open) if device_number(major, minor) == number => Some(open),
        _ => None,
    });
    match found {
        Some(open) if mode & raw::S_IFMT == raw::S_IFCHR => open,
        _ => || Err(Errno::ENXIO),
    }
}

/// The devices of major number 1.
#[derive(Clone, Copy, Debug)]
enum Memory {
    Null,
    Zero,
    Full,
    Random,
}

impl File for Memory {
    fn read(&self, _offset: u64, buffer: &mut [u8]) -> Result<usize> {
        match self {
            Self::Null => return Ok(0),
            Self::Zero | Self::Full => buffer.fill(0),
            Self::Random => entropy::fill(buffer),
        }
        Ok(buffer.len())
    }

    fn write(&self, _offset: u64, buffer: &[u8]) -> Result<usize> {
        match self {
            Self::Full => Err(Errno::ENOSPC),
            _ => Ok(buffer.len()),
        }
    }

    fn maps_zeros(&self) -> bool {
        matches!(self, Self::Zero)
    }

    fn seekable(&self) -> bool {
        true
    }

    fn ignores_seeks(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        // The node knows its numbers; nobody asks the device itself.
        Ok(Stat::default())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
