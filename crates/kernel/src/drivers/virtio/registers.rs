//! The register window of a virtio device (virtio 1.2, 4.2.2).

use crate::mm::dma;
use core::ptr::NonNull;

/// Register offsets in bytes (virtio 1.2, 4.2.2 and 4.2.4).
pub(super) mod offset {
    pub(in crate::drivers::virtio) const MAGIC: u16 = 0x000;
    pub(in crate::drivers::virtio) const VERSION: u16 = 0x004;
    pub(in crate::drivers::virtio) const DEVICE_ID: u16 = 0x008;
    pub(in crate::drivers::virtio) const VENDOR_ID: u16 = 0x00c;
    pub(in crate::drivers::virtio) const DEVICE_FEATURES: u16 = 0x010;
    pub(in crate::drivers::virtio) const DEVICE_FEATURES_SEL: u16 = 0x014;
    pub(in crate::drivers::virtio) const DRIVER_FEATURES: u16 = 0x020;
    pub(in crate::drivers::virtio) const DRIVER_FEATURES_SEL: u16 = 0x024;
    pub(in crate::drivers::virtio) const LEGACY_PAGE_SIZE: u16 = 0x028;
    pub(in crate::drivers::virtio) const QUEUE_SEL: u16 = 0x030;
    pub(in crate::drivers::virtio) const QUEUE_NUM_MAX: u16 = 0x034;
    pub(in crate::drivers::virtio) const QUEUE_NUM: u16 = 0x038;
    pub(in crate::drivers::virtio) const LEGACY_QUEUE_ALIGN: u16 = 0x03c;
    pub(in crate::drivers::virtio) const LEGACY_QUEUE_PFN: u16 = 0x040;
    pub(in crate::drivers::virtio) const QUEUE_READY: u16 = 0x044;
    pub(in crate::drivers::virtio) const QUEUE_NOTIFY: u16 = 0x050;
    pub(in crate::drivers::virtio) const INTERRUPT_ACK: u16 = 0x064;
    pub(in crate::drivers::virtio) const STATUS: u16 = 0x070;
    pub(in crate::drivers::virtio) const QUEUE_DESC: u16 = 0x080;
    pub(in crate::drivers::virtio) const QUEUE_DRIVER: u16 = 0x090;
    pub(in crate::drivers::virtio) const QUEUE_DEVICE: u16 = 0x0a0;
    pub(in crate::drivers::virtio) const CONFIG: u16 = 0x100;
}

/// What [`offset::MAGIC`] reads: "virt".
pub(super) const MAGIC: u32 = 0x7472_6976;

/// Bytes that a window must have: control registers and the start of the configuration space.
pub(super) const MIN_WINDOW: u64 = 0x200;

/// 32-bit registers of one device. Each access leaves the VM: 25 to 30 us on pagetable KVM.
pub trait Registers: Send + Sync {
    /// Reads the register at a byte offset (a multiple of four).
    fn read(&self, offset: u16) -> u32;

    /// Writes the register at a byte offset (a multiple of four).
    fn write(&self, offset: u16, value: u32);
}

/// A real register window.
#[derive(Debug)]
pub struct Window {
    base: NonNull<u32>,
}

// SAFETY: accesses are single volatile loads and stores to device registers, in any order that threads like.
unsafe impl Send for Window {}
// SAFETY: as above.
unsafe impl Sync for Window {}

impl Window {
    /// The window at a guest-physical address; `None` if no device can be there (not below 4 GiB, too small, not aligned).
    #[must_use]
    pub fn new(physical: u64, size: u64) -> Option<Self> {
        let fits = physical.checked_add(size).is_some_and(|end| end <= 1 << 32);
        (fits && physical != 0 && physical.is_multiple_of(4) && size >= MIN_WINDOW).then(|| Self {
            base: dma::mmio(physical).cast(),
        })
    }

    fn register(&self, offset: u16) -> NonNull<u32> {
        debug_assert!(u64::from(offset) < MIN_WINDOW && offset.is_multiple_of(4));
        // SAFETY: the window has at least `MIN_WINDOW` bytes (see `new`), and every offset of ours is inside.
        unsafe { self.base.byte_add(usize::from(offset)) }
    }
}

impl Registers for Window {
    fn read(&self, offset: u16) -> u32 {
        // SAFETY: a register of the window; reading has no effect on memory.
        unsafe { self.register(offset).read_volatile() }
    }

    fn write(&self, offset: u16, value: u32) {
        // SAFETY: a register of the window. What a device may do to memory on it is bound by the queues, whose memory lives forever.
        unsafe { self.register(offset).write_volatile(value) }
    }
}
