//! Devices: virtio over MMIO, the serial port, and how they are found.
//!
//! Boot calls [`discover`] once; it gives back the disks and network interfaces, and sets up what is reached through a module of its own:
//!
//! | module | is | spoken to through |
//! |---|---|---|
//! | [`block`], [`pmem`], [`net`] | disks, disks that are memory, network interfaces | the traits [`block::BlockDevice`], [`net::NetDevice`] |
//! | `balloon` | memory that goes back to the host | nothing: it sees what is freed |
//! | [`console`] | where the program's output goes: virtio console, else serial port | [`console::write`] |
//! | [`folder`] | folders of the host's | the trait [`folder::Exchange`] |
//! | [`entropy`] | random bytes of the host | [`entropy::fill`] |
//! | [`serial`] | early and last words | [`serial::print`] |
//! | [`i8042`], [`power`] | "please stop", and the end | [`i8042::init`], [`power::exit`] |
//!
//! A device kind is a row of [`registry`] and a folder; [`virtio`] is what they share, [`acpi`] and the boot line tell where they are.

pub mod acpi;
mod balloon;
pub mod block;
pub mod console;
mod discover;
pub mod entropy;
pub mod folder;
pub mod i8042;
pub mod net;
pub mod pmem;
pub mod port;
pub mod power;
pub mod registry;
pub mod serial;
pub mod virtio;

pub use discover::{Devices, discover, io_apics};
