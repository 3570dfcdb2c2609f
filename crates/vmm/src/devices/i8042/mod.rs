//! The keyboard controller: how the API says "Ctrl-Alt-Del" to a guest, and how a guest says "reset".
//!
//! A model of our own, because `vm-superio`'s has the reset command only. Ports and commands: IBM PS/2 Technical Reference,
//! "Keyboard and Auxiliary Device Controller". Port 0x60 is data, port 0x64 reads status and takes commands. Linux's driver finds
//! a controller that passes its self-test and a keyboard that acknowledges everything.

use std::collections::VecDeque;

use uigniter_abi::device::{CTRL_ALT_DEL_SCANCODES, I8042_RESET};
use vmm_sys_util::eventfd::EventFd;

use crate::{
    bus::{PortDevice, PortEffect},
    outcome::Outcome,
};

/// First port.
pub(crate) const FIRST_PORT: u16 = 0x60;
/// Number of ports, from data to command.
pub(crate) const PORTS: u16 = 5;
/// Offset of the status and command port.
const COMMAND: u16 = 4;

/// Status: a byte waits for the guest; self-test passed; keyboard not locked.
const STATUS_FULL: u8 = 1;
const STATUS_SYSTEM: u8 = 1 << 2;
const STATUS_UNLOCKED: u8 = 1 << 4;
/// Configuration: interrupt when a byte waits; system flag.
const CONFIG_INTERRUPT: u8 = 1;
const CONFIG_SYSTEM: u8 = 1 << 2;

/// Bytes that can wait for the guest.
const QUEUE_MAX: usize = 16;

/// The controller.
#[derive(Debug)]
pub(crate) struct I8042 {
    interrupt: EventFd,
    config: u8,
    waiting: VecDeque<u8>,
    /// The next data byte belongs to this command.
    pending: Option<u8>,
}

impl I8042 {
    /// A controller that raises `interrupt`, enabled as firmware leaves it.
    pub(crate) fn new(interrupt: EventFd) -> Self {
        Self {
            interrupt,
            config: CONFIG_INTERRUPT | CONFIG_SYSTEM,
            waiting: VecDeque::new(),
            pending: None,
        }
    }

    /// Presses Ctrl, Alt and Del. A press that finds the queue too full is dropped whole: the guest is not listening.
    pub(crate) fn press_ctrl_alt_del(&mut self) {
        if self.waiting.len() + CTRL_ALT_DEL_SCANCODES.len() <= QUEUE_MAX {
            for code in CTRL_ALT_DEL_SCANCODES {
                self.offer(code);
            }
        }
    }

    fn offer(&mut self, byte: u8) {
        if self.waiting.len() < QUEUE_MAX {
            self.waiting.push_back(byte);
            if self.waiting.len() == 1 {
                self.raise();
            }
        }
    }

    fn raise(&self) {
        if self.config & CONFIG_INTERRUPT != 0 {
            // Nonblocking; a saturated counter means that the line is up already.
            let _ = self.interrupt.write(1);
        }
    }

    fn command(&mut self, command: u8) -> PortEffect {
        self.pending = None;
        match command {
            I8042_RESET => return PortEffect::End(Outcome::Reset),
            0x20 => self.offer(self.config),
            // Self-test passed; interface tests passed.
            0xaa => self.offer(0x55),
            0xab | 0xa9 => self.offer(0),
            // Input port: keyboard not inhibited. Output port: not in reset, A20 on.
            0xc0 => self.offer(0x80),
            0xd0 => self.offer(0x03),
            // Write configuration; write output port; write keyboard or auxiliary buffer; to the auxiliary device.
            0x60 | 0xd1..=0xd4 => self.pending = Some(command),
            _ => {}
        }
        PortEffect::Continue
    }

    fn data(&mut self, byte: u8) -> PortEffect {
        match self.pending.take() {
            Some(0x60) => self.config = byte,
            // Bit 0 of the output port holds the CPU in reset while clear.
            Some(0xd1) if byte & 1 == 0 => return PortEffect::End(Outcome::Reset),
            Some(0xd2) => self.offer(byte),
            Some(_) => {}
            None => {
                // To the keyboard: acknowledge; a reset also reports a passed test, an identify a plain keyboard.
                self.offer(0xfa);
                match byte {
                    0xff => self.offer(0xaa),
                    0xf2 => {
                        self.offer(0xab);
                        self.offer(0x83);
                    }
                    _ => {}
                }
            }
        }
        PortEffect::Continue
    }
}

impl PortDevice for I8042 {
    fn read(&mut self, offset: u16, data: &mut [u8]) {
        let [byte] = data else { return };
        match offset {
            0 => {
                *byte = self.waiting.pop_front().unwrap_or(0);
                if !self.waiting.is_empty() {
                    self.raise();
                }
            }
            COMMAND => {
                let full = if self.waiting.is_empty() { 0 } else { STATUS_FULL };
                *byte = full | STATUS_SYSTEM | STATUS_UNLOCKED;
            }
            // Port 0x61: no speaker, no timer channel 2; zero keeps Linux's NMI reasons clear.
            1 => *byte = 0,
            _ => {}
        }
    }

    fn write(&mut self, offset: u16, data: &[u8]) -> PortEffect {
        match (offset, data) {
            (0, [byte]) => self.data(*byte),
            (COMMAND, [byte]) => self.command(*byte),
            _ => PortEffect::Continue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controller() -> (I8042, EventFd) {
        let event = EventFd::new(libc::EFD_NONBLOCK).unwrap();
        (I8042::new(event.try_clone().unwrap()), event)
    }

    fn read(controller: &mut I8042, offset: u16) -> u8 {
        let mut byte = [0xff];
        controller.read(offset, &mut byte);
        byte[0]
    }

    #[test]
    fn ctrl_alt_del_comes_as_three_bytes_with_an_edge_each() {
        let (mut controller, event) = controller();
        controller.press_ctrl_alt_del();
        for code in CTRL_ALT_DEL_SCANCODES {
            assert_eq!(event.read().unwrap(), 1, "one edge before each byte");
            assert_eq!(read(&mut controller, COMMAND) & STATUS_FULL, STATUS_FULL);
            assert_eq!(read(&mut controller, 0), code);
        }
        assert_eq!(read(&mut controller, COMMAND) & STATUS_FULL, 0);
        assert!(event.read().is_err(), "no edge without a byte");
    }

    #[test]
    fn presses_that_nobody_reads_do_not_pile_up() {
        let (mut controller, _event) = controller();
        for _ in 0..1000 {
            controller.press_ctrl_alt_del();
        }
        assert_eq!(controller.waiting.len(), 15);
    }

    #[test]
    fn reset_and_self_test() {
        let (mut controller, _event) = controller();
        assert_eq!(controller.write(COMMAND, &[0xaa]), PortEffect::Continue);
        assert_eq!(read(&mut controller, 0), 0x55);
        let reset = PortEffect::End(Outcome::Reset);
        assert_eq!(controller.write(COMMAND, &[I8042_RESET]), reset);
    }

    #[test]
    fn any_access_is_survived() {
        let (mut controller, _event) = controller();
        let mut random = crate::devices::virtio::testing::Random::new(8042);
        for _ in 0..200_000 {
            let (offset, width) = (random.below(5) as u16, 1 << random.below(3));
            let bytes = random.next().to_le_bytes();
            match random.below(3) {
                0 => drop(controller.write(offset, &bytes[..width])),
                1 => controller.read(offset, &mut [0xff; 4][..width]),
                _ => controller.press_ctrl_alt_del(),
            }
            assert!(controller.waiting.len() <= QUEUE_MAX);
        }
    }
}
