//! What a running driver still says to its device: doorbells and acknowledgements.

use super::registers::{Registers, offset};
use alloc::sync::Arc;
use core::fmt;

/// The connection to a device that has been set up; cheap to clone.
#[derive(Clone)]
pub struct Link {
    pub(super) registers: Arc<dyn Registers>,
    pub(super) irq: u32,
    pub(super) acknowledges: bool,
}

impl Link {
    /// Rings the doorbell of a queue.
    pub fn notify(&self, queue: u16) {
        self.registers.write(offset::QUEUE_NOTIFY, u32::from(queue));
    }

    /// Takes the device's interrupt back (virtio 1.2, 4.2.3.4.2), on monitors that would otherwise hold the line.
    ///
    /// Both reasons are acknowledged without asking which it was: the queues tell.
    pub fn acknowledge(&self) {
        if self.acknowledges {
            self.registers.write(offset::INTERRUPT_ACK, 3);
        }
    }

    /// The global system interrupt of the device.
    #[must_use]
    pub const fn irq(&self) -> u32 {
        self.irq
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("irq", &self.irq)
            .finish_non_exhaustive()
    }
}
