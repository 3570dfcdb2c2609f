//! The i8042 keyboard controller: Ctrl+Alt+Del is how a monitor asks for a graceful stop; and the reset line.

use super::port;
use crate::{arch, sync::Lock};
use uigniter_abi::device::{CTRL_ALT_DEL_SCANCODES, I8042_COMMAND_PORT, I8042_RESET};

const DATA_PORT: u16 = 0x60;
const KEYBOARD_IRQ: u32 = 1;
/// Status register (same port as commands): a byte waits at the data port.
const OUTPUT_FULL: u8 = 1;
/// Bytes taken per interrupt at most; the controller's buffer is 16 bytes.
const MAX_BYTES: usize = 64;

/// The same keys in scancode set 2, which controllers give that do not translate to set 1.
const CTRL_ALT_DEL_SET_2: [u8; 3] = [0x14, 0x11, 0x71];
/// Says that an extended key follows; Del may be one.
const EXTENDED: u8 = 0xe0;

struct Keyboard {
    /// The last three bytes, extension marks left out.
    recent: [u8; 3],
    on_stop: Option<fn()>,
}

impl Keyboard {
    /// Takes a byte; true if it completes Ctrl, Alt, Del.
    fn press(&mut self, scancode: u8) -> bool {
        if scancode == EXTENDED {
            return false;
        }
        self.recent = [self.recent[1], self.recent[2], scancode];
        let complete = [CTRL_ALT_DEL_SCANCODES, CTRL_ALT_DEL_SET_2].contains(&self.recent);
        if complete {
            self.recent = [0; 3];
        }
        complete
    }
}

static KEYBOARD: Lock<Keyboard> = Lock::new(Keyboard {
    recent: [0; 3],
    on_stop: None,
});

/// Has `on_stop` called, in kernel context, at each Ctrl+Alt+Del from now on.
pub fn init(on_stop: fn()) {
    KEYBOARD.lock().on_stop = Some(on_stop);
    arch::interrupt::register(KEYBOARD_IRQ, on_interrupt);
    // Keys that were pressed before raised their interrupt when nobody heard it.
    on_interrupt();
}

fn on_interrupt() {
    for _ in 0..MAX_BYTES {
        if port::read_u8(I8042_COMMAND_PORT) & OUTPUT_FULL == 0 {
            return;
        }
        let scancode = port::read_u8(DATA_PORT);
        let stop = {
            let mut keyboard = KEYBOARD.lock();
            if keyboard.press(scancode) {
                keyboard.on_stop
            } else {
                None
            }
        };
        if let Some(stop) = stop {
            stop();
        }
    }
}

/// Pulses the reset line: the VM ends, or begins again, if the monitor has the controller.
pub fn reset() {
    port::write_u8(I8042_COMMAND_PORT, I8042_RESET);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::port::fake;
    use std::sync::atomic::{AtomicU32, Ordering};

    static STOPS: AtomicU32 = AtomicU32::new(0);

    #[test]
    fn ctrl_alt_del_in_either_set_stops() {
        init(|| _ = STOPS.fetch_add(1, Ordering::Relaxed));
        let mut expected = 0;
        for (bytes, stops) in [
            (&CTRL_ALT_DEL_SCANCODES[..], 1),
            (&[0x14, 0x11, 0xe0, 0x71], 1),
            (&[0x1d, 0x38, 0x1e], 0),
            (&[0x53], 0),
            (&[0x1d, 0x1d, 0x38, 0x53, 0x38, 0x53], 1),
        ] {
            fake::prepare(I8042_COMMAND_PORT, &vec![OUTPUT_FULL; bytes.len()]);
            fake::prepare(I8042_COMMAND_PORT, &[0]);
            fake::prepare(DATA_PORT, bytes);
            on_interrupt();
            expected += stops;
            assert_eq!(STOPS.load(Ordering::Relaxed), expected, "{bytes:x?}");
        }
        // A controller that always has one more (an empty bus reads 0xff) is left after a bounded number of bytes.
        on_interrupt();
        assert_eq!(STOPS.load(Ordering::Relaxed), expected);
    }

    #[test]
    fn reset_writes_the_command() {
        fake::take_written();
        reset();
        assert_eq!(fake::take_written(), [(0x64, 0xfe)]);
    }
}
