//! The console: a virtio console where there is one, else the serial port.
//!
//! A virtio console takes a whole line for one doorbell, the serial port one exit per byte; so the former is preferred for all but the last words.
//! Input comes from the former only.

mod virtio;

use super::serial;
use crate::wait::{WaitQueue, wait_for};
use core::fmt::{self, Write};

pub use virtio::State as Input;
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

/// Begins to take input. False if there is no device that could give any.
pub fn listen() -> bool {
    virtio::listen()
}

/// Reads what has come, without waiting; 0 is the end of the input, `None` that nothing has come yet.
pub fn try_read(buffer: &mut [u8]) -> Option<usize> {
    virtio::try_read(buffer)
}

/// Woken when [`try_read`] may have something after it had nothing.
pub fn heard() -> &'static WaitQueue {
    virtio::heard()
}

/// What [`try_read`] would find; if that is nothing, [`heard`] is woken when it changes.
pub fn input() -> Input {
    virtio::input()
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
