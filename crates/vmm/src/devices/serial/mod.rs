//! The first serial port, a 16550 by `vm-superio`, and the reader of the exit line in what it says.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use uigniter_abi::exit::ExitStatus;
use vm_superio::{Serial, Trigger, serial::NoEvents};
use vmm_sys_util::eventfd::EventFd;

use crate::{
    bus::{PortDevice, PortEffect},
    output::{SharedOutput, lock},
};

/// Number of ports.
pub(crate) const PORTS: u16 = 8;
/// Longest line that can be the exit line.
const LINE_MAX: usize = 64;

/// The exit status that the last exit line gave.
pub(crate) type SharedStatus = Arc<Mutex<Option<ExitStatus>>>;

/// Raises an interrupt line through an irqfd.
#[derive(Debug)]
pub(crate) struct Line(pub(crate) EventFd);

impl Trigger for Line {
    type E = io::Error;

    fn trigger(&self) -> io::Result<()> {
        self.0.write(1)
    }
}

/// What the port sends: to the output, and through the search for the exit line.
struct Wire {
    output: SharedOutput,
    line: Vec<u8>,
    status: SharedStatus,
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for &byte in bytes {
            if byte != b'\n' {
                // An overlong line keeps one byte too many, and so is no exit line.
                if self.line.len() <= LINE_MAX {
                    self.line.push(byte);
                }
                continue;
            }
            if self.line.len() <= LINE_MAX
                && let Ok(line) = std::str::from_utf8(&self.line)
                && let Some(status) = ExitStatus::from_console_line(line)
            {
                *lock(&self.status) = Some(status);
            }
            self.line.clear();
        }
        lock(&self.output).write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The serial port.
pub(crate) struct SerialPort(Serial<Line, NoEvents, Wire>);

impl SerialPort {
    /// A port that raises `interrupt` and writes to `output`; exit lines go to `status` too.
    pub(crate) fn new(interrupt: EventFd, output: SharedOutput, status: SharedStatus) -> Self {
        let wire = Wire {
            output,
            line: Vec::new(),
            status,
        };
        Self(Serial::new(Line(interrupt), wire))
    }
}

impl PortDevice for SerialPort {
    fn read(&mut self, offset: u16, data: &mut [u8]) {
        if let [byte] = data {
            *byte = self.0.read(offset as u8);
        }
    }

    fn write(&mut self, offset: u16, data: &[u8]) -> PortEffect {
        if let [byte] = data {
            // The only failures are a full loop-back queue and a saturated irqfd; real hardware loses the byte too.
            let _ = self.0.write(offset as u8, *byte);
        }
        PortEffect::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Output;

    fn port() -> (SerialPort, SharedStatus) {
        let event = || EventFd::new(libc::EFD_NONBLOCK).unwrap();
        let file = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
        let status = SharedStatus::default();
        let port = SerialPort::new(event(), Output::new(file, event()), Arc::clone(&status));
        (port, status)
    }

    #[test]
    fn the_last_exit_line_counts() {
        let (mut port, status) = port();
        for byte in b"noise\r\nuigniter: exit exited 300\nuigniter: exit exited 7\r\nmore\n" {
            assert_eq!(port.write(0, &[*byte]), PortEffect::Continue);
        }
        assert_eq!(*lock(&status), Some(ExitStatus::Exited(7)));
    }

    #[test]
    fn any_access_is_survived() {
        let (mut port, _) = port();
        let mut random = crate::devices::virtio::testing::Random::new(16550);
        for _ in 0..200_000 {
            let (offset, width) = (random.below(8) as u16, 1 << random.below(3));
            let bytes = random.next().to_le_bytes();
            if random.below(2) == 0 {
                port.write(offset, &bytes[..width]);
            } else {
                port.read(offset, &mut [0xff; 4][..width]);
            }
        }
        assert!(port.0.fifo_capacity() <= 64);
    }
}
