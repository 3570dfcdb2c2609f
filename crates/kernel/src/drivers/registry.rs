//! The device kinds that have a driver: one row each.

use super::{
    balloon,
    block::VirtioBlock,
    console,
    discover::Devices,
    entropy,
    folder::Folder,
    net::VirtioNet,
    pmem::Pmem,
    virtio::{Device, Error},
};
use alloc::boxed::Box;

/// A kind of virtio device (virtio 1.2, 5).
#[derive(Debug)]
pub struct DeviceKind {
    /// The device number.
    pub id: u32,
    /// For messages.
    pub name: &'static str,
    /// Sets the device up and puts it where its users find it.
    pub probe: fn(Device, &mut Devices) -> Result<(), Error>,
}

/// The rows.
pub const KINDS: &[DeviceKind] = &[
    DeviceKind {
        id: 1,
        name: "net",
        probe: |device, devices| {
            devices.networks.push(Box::new(VirtioNet::probe(device)?));
            Ok(())
        },
    },
    DeviceKind {
        id: 2,
        name: "block",
        probe: |device, devices| {
            devices.blocks.push(VirtioBlock::probe(device)?);
            Ok(())
        },
    },
    DeviceKind {
        id: 3,
        name: "console",
        probe: |device, _| console::probe(device),
    },
    DeviceKind {
        id: 4,
        name: "rng",
        probe: |device, _| entropy::probe(device),
    },
    DeviceKind {
        id: 5,
        name: "balloon",
        probe: |device, _| balloon::probe(device),
    },
    DeviceKind {
        id: 26,
        name: "fs",
        probe: |device, devices| {
            devices.folders.push(Folder::probe(device)?);
            Ok(())
        },
    },
    DeviceKind {
        id: 27,
        name: "pmem",
        probe: |device, devices| {
            // Before the disks: what is memory already need not be read into memory.
            devices.blocks.insert(0, Pmem::probe(device)?);
            Ok(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::KINDS;

    #[test]
    fn one_row_per_kind() {
        for (index, kind) in KINDS.iter().enumerate() {
            assert!(
                kind.id != 0 && KINDS[..index].iter().all(|other| other.id != kind.id),
                "{}",
                kind.name
            );
        }
    }
}
