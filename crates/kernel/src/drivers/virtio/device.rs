//! A device on its way from reset to running (virtio 1.2, 3.1.1).
//!
//! ```text
//! probe --> negotiate (once) --> queue (each) --> start --> Link
//! ```
//!
//! Each register access is an exit, so nothing is asked twice. On monitors of Firecracker's family ([`Device::is_fresh`])
//! registers that are zero after reset are left alone, and interrupts are not acknowledged: those monitors pulse the line for each.

use super::{
    Link, Queue, feature,
    queue::Layout,
    registers::{MAGIC, Registers, offset},
};
use crate::mm::{PAGE_SIZE, dma};
use alloc::sync::Arc;
use core::{fmt, ptr::NonNull};

const ACKNOWLEDGE: u32 = 1;
const DRIVER: u32 = 2;
const DRIVER_OK: u32 = 4;
const FEATURES_OK: u32 = 8;

/// Vendors of devices that are [fresh](Device::is_fresh): Firecracker's, and our own monitor's ("UIGN", its `devices/virtio/mmio.rs`).
const FRESH_VENDORS: [u32; 2] = [0, 0x4e47_4955];

/// Why a device cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// No virtio device at the address: the magic value is this.
    BadMagic(u32),
    /// A register layout that is neither legacy (1) nor current (2).
    BadVersion(u32),
    /// The device does not have what the driver cannot do without; this names it.
    Missing(&'static str),
    /// The device refused the features that it had offered.
    FeaturesRefused,
    /// The queue does not exist or has no entries.
    NoQueue(u16),
    /// The rings lie where a legacy device cannot reach them.
    RingsTooHigh,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadMagic(magic) => write!(
                f,
                "no virtio device there (magic {magic:#x}); check virtio_mmio.device="
            ),
            Self::BadVersion(version) => {
                write!(
                    f,
                    "virtio register layout {version} is unknown; the monitor must offer version 1 or 2"
                )
            }
            Self::Missing(what) => write!(f, "the device lacks {what}; the monitor must offer it"),
            Self::FeaturesRefused => {
                f.write_str("the device refuses the features that it offers; a defect of the monitor")
            }
            Self::NoQueue(index) => write!(f, "the device has no queue {index}; a defect of the monitor"),
            Self::RingsTooHigh => {
                f.write_str("a legacy device cannot reach memory above 16 TiB; give the VM less memory")
            }
        }
    }
}

impl core::error::Error for Error {}

/// A device that is being set up.
pub struct Device {
    link: Link,
    id: u32,
    legacy: bool,
    fresh: bool,
    features: u64,
    alloc: fn(usize) -> (NonNull<u8>, u64),
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("id", &self.id)
            .field("legacy", &self.legacy)
            .finish_non_exhaustive()
    }
}

impl Device {
    /// Looks what is behind the registers; `None` if the window is empty (device 0).
    ///
    /// `fresh`: see [`is_fresh`](Self::is_fresh), whose answer is the same for all devices of a machine.
    ///
    /// # Errors
    ///
    /// [`Error::BadMagic`], [`Error::BadVersion`].
    pub fn probe(registers: Arc<dyn Registers>, irq: u32, fresh: bool) -> Result<Option<Self>, Error> {
        let magic = registers.read(offset::MAGIC);
        if magic != MAGIC {
            return Err(Error::BadMagic(magic));
        }
        let version = registers.read(offset::VERSION);
        if !matches!(version, 1 | 2) {
            return Err(Error::BadVersion(version));
        }
        let id = registers.read(offset::DEVICE_ID);
        let link = Link {
            registers,
            irq,
            acknowledges: !fresh,
        };
        Ok((id != 0).then_some(Self {
            link,
            id,
            legacy: version == 1,
            fresh,
            features: 0,
            alloc: dma::alloc,
        }))
    }

    /// True on Firecracker and our own monitor: no firmware ran before us, so the device is in its reset state, all of whose
    /// registers are zero, and each interrupt is a pulse that asks for no acknowledgement.
    #[must_use]
    pub fn is_fresh(registers: &dyn Registers) -> bool {
        FRESH_VENDORS.contains(&registers.read(offset::VENDOR_ID))
    }

    /// The device kind (virtio 1.2, 5).
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// The device's global system interrupt.
    #[must_use]
    pub const fn irq(&self) -> u32 {
        self.link.irq
    }

    /// True for the register layout before virtio 1.0.
    #[must_use]
    pub const fn is_legacy(&self) -> bool {
        self.legacy
    }

    /// Has the rings lie in memory of the test's choice.
    #[cfg(test)]
    pub(crate) fn set_alloc(&mut self, alloc: fn(usize) -> (NonNull<u8>, u64)) {
        self.alloc = alloc;
    }

    /// Takes the device over, and those of the `wanted` features that it offers; gives what is in force.
    ///
    /// [`feature::EVENT_IDX`] and, where it applies, [`feature::VERSION_1`] or [`feature::ANY_LAYOUT`] are always wanted.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::FeaturesRefused`].
    pub fn negotiate(&mut self, wanted: u64) -> Result<u64, Error> {
        self.negotiate_with(|_| wanted)
    }

    /// As [`negotiate`](Self::negotiate), where what is wanted depends on what is offered.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`], [`Error::FeaturesRefused`].
    pub fn negotiate_with(&mut self, choose: impl FnOnce(u64) -> u64) -> Result<u64, Error> {
        if !self.fresh {
            self.write(offset::STATUS, 0);
        }
        // One bit at a time: Firecracker insists.
        self.write(offset::STATUS, ACKNOWLEDGE);
        self.write(offset::STATUS, ACKNOWLEDGE | DRIVER);
        self.write(offset::DEVICE_FEATURES_SEL, 0);
        let mut offered = u64::from(self.read(offset::DEVICE_FEATURES));
        if !self.legacy {
            self.write(offset::DEVICE_FEATURES_SEL, 1);
            offered |= u64::from(self.read(offset::DEVICE_FEATURES)) << 32;
            if offered & feature::VERSION_1 == 0 {
                return Err(Error::Missing("VIRTIO_F_VERSION_1"));
            }
        }
        let always = feature::EVENT_IDX
            | if self.legacy {
                feature::ANY_LAYOUT
            } else {
                feature::VERSION_1
            };
        self.features = offered & (choose(offered) | always);
        self.write(offset::DRIVER_FEATURES_SEL, 0);
        self.write(offset::DRIVER_FEATURES, self.features as u32);
        if self.legacy {
            self.write(offset::LEGACY_PAGE_SIZE, PAGE_SIZE as u32);
        } else {
            self.write(offset::DRIVER_FEATURES_SEL, 1);
            self.write(offset::DRIVER_FEATURES, (self.features >> 32) as u32);
            self.write(offset::STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
            if self.read(offset::STATUS) & FEATURES_OK == 0 {
                return Err(Error::FeaturesRefused);
            }
        }
        Ok(self.features)
    }

    /// Sets up a queue with at most `max_size` entries (a power of two).
    ///
    /// # Errors
    ///
    /// [`Error::NoQueue`], [`Error::RingsTooHigh`].
    pub fn queue(&mut self, index: u16, max_size: u16) -> Result<Queue, Error> {
        self.write(offset::QUEUE_SEL, u32::from(index));
        let device_max = u16::try_from(self.read(offset::QUEUE_NUM_MAX)).unwrap_or(u16::MAX);
        // The largest power of two that both can do.
        let size = match device_max.min(max_size) {
            0 => return Err(Error::NoQueue(index)),
            limit => 1 << limit.ilog2(),
        };
        let layout = Layout::new(size, self.legacy);
        let queue = Queue::new(
            layout,
            (self.alloc)(layout.bytes()),
            self.features & feature::EVENT_IDX != 0,
        );
        self.write(offset::QUEUE_NUM, u32::from(size));
        let [descriptors, driver, device] = queue.addresses();
        if self.legacy {
            let frame = u32::try_from(descriptors / PAGE_SIZE as u64).map_err(|_| Error::RingsTooHigh)?;
            self.write(offset::LEGACY_QUEUE_ALIGN, PAGE_SIZE as u32);
            self.write(offset::LEGACY_QUEUE_PFN, frame);
        } else {
            for (register, address) in [
                (offset::QUEUE_DESC, descriptors),
                (offset::QUEUE_DRIVER, driver),
                (offset::QUEUE_DEVICE, device),
            ] {
                self.write(register, address as u32);
                let high = (address >> 32) as u32;
                if high != 0 || !self.fresh {
                    self.write(register + 4, high);
                }
            }
            self.write(offset::QUEUE_READY, 1);
        }
        Ok(queue)
    }

    /// Lets the device begin; no doorbell may be rung before.
    #[must_use]
    pub fn start(self) -> Link {
        let features_ok = if self.legacy { 0 } else { FEATURES_OK };
        self.write(offset::STATUS, ACKNOWLEDGE | DRIVER | features_ok | DRIVER_OK);
        self.link
    }

    /// Reads 32 bits of the device's configuration space at a byte offset (a multiple of four, below 0x100).
    #[must_use]
    pub fn config(&self, at: u16) -> u32 {
        self.read(offset::CONFIG + at)
    }

    fn read(&self, register: u16) -> u32 {
        self.link.registers.read(register)
    }

    fn write(&self, register: u16, value: u32) {
        self.link.registers.write(register, value);
    }
}

#[cfg(test)]
mod tests;
