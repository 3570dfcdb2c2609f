//! Addresses and numbers that are ours to choose, and that both sides must know without asking.
//!
//! Everything that a standard already lets a guest discover (virtio over MMIO through `virtio_mmio.device=` or ACPI,
//! the 16550 at 0x3f8, the i8042 at 0x64) is *not* here.

/// I/O port of the exit device: a 32-bit write of an encoded [`ExitStatus`](crate::exit::ExitStatus) ends the VM.
///
/// The address is the customary one of QEMU's `isa-debug-exit`, so that `-device isa-debug-exit,iobase=0xf4,iosize=4`
/// makes QEMU end on the same write (its process status then is `(value << 1) | 1`, truncated to eight bits).
pub const EXIT_PORT: u16 = 0xf4;

/// What a byte read from [`EXIT_PORT`] gives on our own monitor: the status goes through the port alone there. Elsewhere the kernel writes
/// the exit line ([`CONSOLE_PREFIX`](crate::exit::CONSOLE_PREFIX)) too.
pub const EXIT_PORT_OURS: u8 = 0x75;

/// I/O port of the first serial port (16550), for early and last words.
pub const SERIAL_PORT: u16 = 0x3f8;

/// I/O port of the i8042 controller's command register; writing [`I8042_RESET`] there resets, and so ends, the VM on
/// every monitor, Firecracker included.
pub const I8042_COMMAND_PORT: u16 = 0x64;

/// The i8042 command "pulse the reset line".
pub const I8042_RESET: u8 = 0xfe;

/// Keyboard scancode bytes (set 1) that our monitor's `SendCtrlAltDel` puts into the i8042 and that the guest takes
/// as "stop gracefully": Ctrl, Alt, Del pressed. Firecracker sends the same keys in set 2; the guest takes both.
pub const CTRL_ALT_DEL_SCANCODES: [u8; 3] = [0x1d, 0x38, 0x53];

const _: () = assert!(EXIT_PORT == 0xf4, "built kernels write their exit status here");
