//! Virtio over MMIO (virtio 1.2, 4.2), both the current register layout and the legacy one that QEMU has by default.
//!
//! [`Device`] is one device in its way from reset to running; [`Queue`] is a split virtqueue. A driver of a device kind probes with the first,
//! keeps its [`Link`], and talks through the second. Registers are behind the trait [`Registers`], so that the tests put a device of their
//! own there ([`fake`]), which may also lie. What a device says is never trusted with more than its own request.

mod device;
#[cfg(test)]
pub(crate) mod fake;
mod link;
mod queue;
mod registers;

pub use device::{Device, Error};
pub use link::Link;
pub use queue::{Queue, Segment, Used};
pub use registers::{Registers, Window};

/// Feature bits that do not belong to a device kind (virtio 1.2, 6).
pub mod feature {
    /// Legacy only: headers and data may share descriptors.
    pub const ANY_LAYOUT: u64 = 1 << 27;
    /// Interrupts and doorbells only where the other side asked for them, by index.
    pub const EVENT_IDX: u64 = 1 << 29;
    /// The device follows virtio 1.0 or later.
    pub const VERSION_1: u64 = 1 << 32;
}
