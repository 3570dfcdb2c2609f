//! The exit device: a 32-bit write says how the program ended, and ends the VM ([`uigniter_abi::device::EXIT_PORT`]).

use uigniter_abi::{device::EXIT_PORT_OURS, exit::ExitStatus};

use crate::bus::{PortDevice, PortEffect};

/// Number of ports.
pub(crate) const PORTS: u16 = 4;

/// The exit device; it has no state.
#[derive(Debug)]
pub(crate) struct ExitPort;

impl PortDevice for ExitPort {
    fn read(&mut self, offset: u16, data: &mut [u8]) {
        if let (0, Some(byte)) = (offset, data.first_mut()) {
            *byte = EXIT_PORT_OURS;
        }
    }

    /// Values that [`ExitStatus`] does not know are the guest's business and do nothing.
    fn write(&mut self, offset: u16, data: &[u8]) -> PortEffect {
        let Ok(value) = <[u8; 4]>::try_from(data) else {
            return PortEffect::Continue;
        };
        match ExitStatus::decode(u32::from_le_bytes(value)) {
            Some(status) if offset == 0 => PortEffect::End(status.into()),
            _ => PortEffect::Continue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn only_a_known_status_of_full_width_ends_the_vm() {
        let status = ExitStatus::Exited(3).encode().to_le_bytes();
        assert_eq!(
            ExitPort.write(0, &status),
            PortEffect::End(Outcome::Exited { code: 3 })
        );
        assert_eq!(ExitPort.write(0, &status[..1]), PortEffect::Continue);
        assert_eq!(ExitPort.write(1, &status), PortEffect::Continue);
        assert_eq!(ExitPort.write(0, &[0xff; 4]), PortEffect::Continue);
    }
}
