//! The first serial port (16550), for early and last words: polled, no lock, no memory, so it works in a panic.
//!
//! One byte is one exit (25 us on pagetable KVM), so the status is looked at once per FIFO of 16 bytes and not for each.

use super::port;
use core::{
    fmt::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};
use uigniter_abi::device::SERIAL_PORT;

const DATA: u16 = SERIAL_PORT;
const FIFO_CONTROL: u16 = SERIAL_PORT + 2;
const LINE_STATUS: u16 = SERIAL_PORT + 5;

const FIFO_ENABLE: u8 = 1;
const FIFO_BYTES: usize = 16;
/// Line status: transmitter holding register (with FIFO: the whole FIFO) empty.
const EMPTY: u8 = 0x20;
/// Looks at a FIFO that stays full before its bytes are given up: about 3 s on a host where an exit takes 30 us.
const PATIENCE: u32 = 100_000;

static FIFO: AtomicBool = AtomicBool::new(false);
static IN_LINE: AtomicBool = AtomicBool::new(false);

struct Port;

impl Write for Port {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text.as_bytes());
        Ok(())
    }
}

/// Writes bytes as they are. Those that the port does not take within some seconds are lost.
pub fn write(bytes: &[u8]) {
    if !FIFO.swap(true, Ordering::Relaxed) {
        port::write_u8(FIFO_CONTROL, FIFO_ENABLE);
    }
    if let Some(&last) = bytes.last() {
        IN_LINE.store(last != b'\n', Ordering::Relaxed);
    }
    for chunk in bytes.chunks(FIFO_BYTES) {
        if !(0..PATIENCE).any(|_| port::read_u8(LINE_STATUS) & EMPTY != 0) {
            return;
        }
        port::write_bytes(DATA, chunk);
    }
}

/// Ends the line that is begun, if one is.
pub fn end_line() {
    if IN_LINE.load(Ordering::Relaxed) {
        write(b"\n");
    }
}

/// Writes text.
pub fn print(arguments: fmt::Arguments<'_>) {
    // `Port` never fails.
    let _ = Port.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::port::fake;

    #[test]
    fn status_is_asked_once_per_fifo() {
        fake::take_written();
        fake::prepare(LINE_STATUS, &[0, 0, EMPTY, EMPTY, 0x60]);
        let text = "a line of forty bytes, newline included\n";
        print(format_args!("{text}"));
        assert_eq!(fake::take_text(DATA), text);
        // All five prepared answers were used up: two "busy", then one per 16 bytes.
        assert_eq!(port::read_u8(LINE_STATUS), 0xff);
    }

    #[test]
    fn a_stuck_port_does_not_hold_the_kernel() {
        fake::take_written();
        fake::prepare(LINE_STATUS, &vec![0; PATIENCE as usize]);
        write(b"lost");
        assert_eq!(fake::take_text(DATA), "");
    }
}
