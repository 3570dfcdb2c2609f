//! The console: a virtio console where there is one, else the serial port.
//!
//! A virtio console takes a whole line for one doorbell, the serial port one exit per byte; so the former is preferred for all but the last words.

mod virtio;

use super::serial;
use crate::wait::{WaitQueue, wait_for};
use core::fmt::{self, Write};

pub(super) use virtio::probe;

/// Writes as much as the device takes now, without waiting; gives the number of bytes taken. The serial port takes all.
pub fn try_write(bytes: &[u8]) -> usize {
    virtio::try_write(bytes).unwrap_or_else(|| {
        serial::write(bytes);
        bytes.len()
    })
}

/// Woken when [`try_write`] may take more after it took less than all.
pub fn room() -> &'static WaitQueue {
    virtio::room()
}

/// True if [`try_write`] takes something now; else [`room`] is woken when it does.
pub fn has_room() -> bool {
    virtio::has_room()
}

/// Writes all; the calling thread sleeps while the device is busy. For threads only: not for interrupt handlers.
pub fn write(bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let taken = try_write(rest);
        rest = &rest[taken..];
        if !rest.is_empty() {
            wait_for(room(), virtio::has_room);
        }
    }
}

/// Writes text from any context: what the device does not take although it is given time for it, is lost.
pub fn print(arguments: fmt::Arguments<'_>) {
    struct Console;
    impl Write for Console {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            let mut rest = text.as_bytes();
            rest = &rest[try_write(rest)..];
            while !rest.is_empty() && virtio::spin_for_room() {
                rest = &rest[try_write(rest)..];
            }
            Ok(())
        }
    }
    // `Console` never fails.
    let _ = Console.write_fmt(arguments);
}

/// Waits, without sleeping, until the device has taken all that was written, some seconds at most. For the last moment before the end.
pub fn flush() {
    virtio::flush();
}
