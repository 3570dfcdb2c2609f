//! Finding the devices: windows from the boot line or from ACPI, each looked at once and handed to its driver.

use super::{
    acpi::{self, IoApic, PhysicalMemory},
    block::BlockDevice,
    folder::Folder,
    net::NetDevice,
    registry::{self, DeviceKind},
    virtio::{self, Device, Registers, Window},
};
use crate::{log, mm::dma, verbose};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use uigniter_abi::boot_args::MmioDevice;

/// The devices that others use through a value; console, random numbers and keyboard are reached through their modules.
#[derive(Default)]
pub struct Devices {
    /// Disks, in the order in which the monitor lists them.
    pub blocks: Vec<&'static dyn BlockDevice>,
    /// Folders of the host's, likewise.
    pub folders: Vec<&'static Folder>,
    /// Network interfaces, likewise.
    pub networks: Vec<Box<dyn NetDevice>>,
}

impl core::fmt::Debug for Devices {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Devices")
            .field("blocks", &self.blocks.len())
            .field("folders", &self.folders)
            .field("networks", &self.networks.len())
            .finish()
    }
}

/// Finds and starts all devices: those of the boot line (`virtio_mmio.device=`), else those that ACPI describes.
///
/// `rsdp` is the guest-physical address of ACPI's root pointer if the boot protocol told it. A device that cannot be used is
/// named on the console and left out.
#[must_use]
pub fn discover(boot_line: &[MmioDevice], rsdp: Option<u64>) -> Devices {
    let mut devices = Devices::default();
    let described = if boot_line.is_empty() {
        described_devices(&Physical, rsdp)
    } else {
        Vec::new()
    };
    let mut fresh = None;
    for window in boot_line.iter().chain(&described) {
        let Some(registers) = Window::new(window.base, window.size) else {
            log!(
                "device window {:#x} ({} bytes) is not usable: it must have 512 bytes below 4 GiB",
                window.base,
                window.size
            );
            continue;
        };
        if let Err(error) = attach(
            Arc::new(registers),
            window.irq,
            &mut fresh,
            registry::KINDS,
            &mut devices,
        ) {
            log!("device at {:#x}: {error}", window.base);
        }
    }
    devices
}

/// The machine's I/O APICs, from ACPI; empty if it does not say (the customary one is at 0xfec00000, from interrupt 0 on).
#[must_use]
pub fn io_apics(rsdp: Option<u64>) -> Vec<IoApic> {
    // Without a pointer there is no looking for one: monitors that give none have the customary one.
    rsdp.and_then(|rsdp| acpi::Tables::read(&Physical, Some(rsdp)))
        .map_or(Vec::new(), |tables| tables.io_apics())
}

fn described_devices(memory: &dyn PhysicalMemory, rsdp: Option<u64>) -> Vec<MmioDevice> {
    acpi::Tables::read(memory, rsdp)
        .and_then(|tables| tables.definition_block(memory))
        .map_or(Vec::new(), |aml| acpi::virtio_devices(&aml))
}

/// Looks at one window; `fresh` is found out at the first device and holds for the machine.
pub(super) fn attach(
    registers: Arc<dyn Registers>,
    irq: u32,
    fresh: &mut Option<bool>,
    kinds: &[DeviceKind],
    devices: &mut Devices,
) -> Result<(), virtio::Error> {
    let is_fresh = *fresh.get_or_insert_with(|| Device::is_fresh(&*registers));
    let Some(device) = Device::probe(registers, irq, is_fresh)? else {
        return Ok(());
    };
    match kinds.iter().find(|kind| kind.id == device.id()) {
        Some(kind) => {
            verbose!("virtio {} on interrupt {irq}", kind.name);
            (kind.probe)(device, devices)
        }
        None => {
            verbose!(
                "virtio device kind {} on interrupt {irq} has no driver here",
                device.id()
            );
            Ok(())
        }
    }
}

/// The memory behind the kernel's window to the low 4 GiB.
struct Physical;

impl PhysicalMemory for Physical {
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        let fits = address != 0
            && address
                .checked_add(buffer.len() as u64)
                .is_some_and(|end| end <= 1 << 32);
        if fits {
            // SAFETY: the range is below 4 GiB, all of which the kernel can address; where there is neither memory nor a device
            // it reads as ones. Tables are memory, and the kernel's own objects are never written through this.
            unsafe {
                core::ptr::copy_nonoverlapping(dma::mmio(address).as_ptr(), buffer.as_mut_ptr(), buffer.len())
            };
        }
        fits
    }
}

#[cfg(test)]
mod tests;
