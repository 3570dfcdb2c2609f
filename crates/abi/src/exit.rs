//! How a microVM ended, as 32 bits on the exit port, as a line on the serial console, and as a process status.

use core::fmt;

/// Prefix of the serial console line that carries the status where a monitor has no exit port (Firecracker).
///
/// The whole line is `uigniter: exit ` followed by the `Display` form of [`ExitStatus`], for instance
/// `uigniter: exit exited 3`.
pub const CONSOLE_PREFIX: &str = "uigniter: exit ";

/// How the program, or the kernel under it, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitStatus {
    /// The program called `exit_group(2)` with this status (its low eight bits).
    Exited(u8),
    /// A signal with the default action "terminate" ended the program (`signal(7)`); the crash report is on the console.
    Signaled(u8),
    /// The library OS itself failed; the report is on the console. A defect of ours.
    KernelPanic,
    /// Boot ended before the program's first instruction: a boot argument, the image or the program was refused.
    BootFailed,
}

impl ExitStatus {
    /// The value for the 32-bit exit port: kind in bits 8 to 15, detail in bits 0 to 7.
    #[must_use]
    pub const fn encode(self) -> u32 {
        match self {
            Self::Exited(status) => status as u32,
            Self::Signaled(signal) => 0x100 | signal as u32,
            Self::KernelPanic => 0x200,
            Self::BootFailed => 0x300,
        }
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for any other value (a guest may write what it likes).
    #[must_use]
    pub const fn decode(value: u32) -> Option<Self> {
        match (value >> 8, value as u8) {
            (0, status) => Some(Self::Exited(status)),
            (1, signal @ 1..=64) => Some(Self::Signaled(signal)),
            (2, 0) => Some(Self::KernelPanic),
            (3, 0) => Some(Self::BootFailed),
            _ => None,
        }
    }

    /// The status for a process that stands for this microVM (`uigniter run`, `uigniter vmm`), as shells have it.
    ///
    /// A program's own status is itself, a signal is 128 plus its number; the library OS's failures take two values of
    /// `sysexits(3)`: 70 (internal software error) and 78 (configuration error).
    #[must_use]
    pub const fn process_status(self) -> u8 {
        match self {
            Self::Exited(status) => status,
            Self::Signaled(signal) => 128 + signal,
            Self::KernelPanic => 70,
            Self::BootFailed => 78,
        }
    }

    /// Finds the status in one line of serial output; `None` if the line is not the exit line.
    #[must_use]
    pub fn from_console_line(line: &str) -> Option<Self> {
        let mut words = line.trim_end().strip_prefix(CONSOLE_PREFIX)?.split(' ');
        let status = match (words.next()?, words.next()) {
            ("exited", Some(n)) => Self::Exited(n.parse().ok()?),
            ("signaled", Some(n)) => Self::decode(0x100 | u32::from(n.parse::<u8>().ok()?))?,
            ("kernel-panic", None) => Self::KernelPanic,
            ("boot-failed", None) => Self::BootFailed,
            _ => return None,
        };
        words.next().is_none().then_some(status)
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exited {status}"),
            Self::Signaled(signal) => write!(f, "signaled {signal}"),
            Self::KernelPanic => f.write_str("kernel-panic"),
            Self::BootFailed => f.write_str("boot-failed"),
        }
    }
}

const _: () = assert!(
    ExitStatus::Signaled(11).encode() == 0x10b,
    "built kernels write this to the exit port"
);

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn every_status_survives_port_and_console() {
        let all = (0..=255)
            .map(ExitStatus::Exited)
            .chain((1..=64).map(ExitStatus::Signaled))
            .chain([ExitStatus::KernelPanic, ExitStatus::BootFailed]);
        for status in all {
            assert_eq!(ExitStatus::decode(status.encode()), Some(status));
            assert_eq!(
                ExitStatus::from_console_line(&format!("{CONSOLE_PREFIX}{status}\r\n")),
                Some(status)
            );
        }
    }

    #[test]
    fn foreign_values_are_refused() {
        for value in [0x100, 0x141, 0x201, 0x301, 0x400, u32::MAX] {
            assert_eq!(ExitStatus::decode(value), None, "{value:#x}");
        }
        for line in [
            "exit exited 3",
            "uigniter: exit exited",
            "uigniter: exit exited 300",
            "uigniter: exit exited 3 4",
        ] {
            assert_eq!(ExitStatus::from_console_line(line), None, "{line}");
        }
    }
}
