//! The end of the VM, on every monitor.

use super::{console, i8042, port, serial};
use uigniter_abi::{
    device::{EXIT_PORT, EXIT_PORT_OURS},
    exit::CONSOLE_PREFIX,
    exit::ExitStatus,
};

/// Ends the VM: buffered output goes out, the status goes to the exit port, and to the serial console where the port is not our monitor's, then the reset line is pulsed for
/// monitors that have no exit port.
pub fn exit(status: ExitStatus) -> ! {
    announce(status);
    loop {
        // No monitor of ours lets the guest come here; `hlt` is not for ring 3.
        core::hint::spin_loop();
    }
}

fn announce(status: ExitStatus) {
    console::flush();
    if port::read_u8(EXIT_PORT) != EXIT_PORT_OURS {
        // The program may have left a line open, and the status has to be at the start of one.
        serial::end_line();
        serial::print(format_args!("{CONSOLE_PREFIX}{status}\n"));
    }
    port::write_u32(EXIT_PORT, status.encode());
    i8042::reset();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::port::fake;

    #[test]
    fn line_then_port_then_reset() {
        fake::take_written();
        announce(ExitStatus::Exited(3));
        let written = fake::take_written();
        let line: Vec<u8> = written
            .iter()
            .filter(|(port, _)| *port == 0x3f8)
            .map(|&(_, byte)| byte as u8)
            .collect();
        assert_eq!(
            ExitStatus::from_console_line(std::str::from_utf8(&line).unwrap()),
            Some(ExitStatus::Exited(3))
        );
        assert_eq!(written[written.len() - 2..], [(0xf4, 3), (0x64, 0xfe)]);
    }
}
