//! The devices that a guest sees.
//!
//! Behind ports: [`serial`] (16550), [`i8042`] (keyboard controller: Ctrl-Alt-Del and reset), [`exit_port`] (how the program ended).
//! Behind virtio-mmio: [`virtio`]. A device is one folder; virtio devices have `device.rs` (the device) and `tests.rs` in it, and
//! one row in [`virtio::registry`].

pub(crate) mod exit_port;
pub(crate) mod i8042;
pub(crate) mod serial;
pub(crate) mod virtio;
