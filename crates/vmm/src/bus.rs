//! Routes a CPU's port and MMIO accesses to devices.
//!
//! What no device answers reads as all ones and takes writes silently, as an empty bus does.

use std::sync::{Arc, Mutex};

use kvm_ioctls::VcpuFd;

use crate::{
    boot::layout,
    devices::virtio::mmio::{SharedDevice, Window},
    outcome::Outcome,
    output::lock,
};

/// What follows from a port write.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PortEffect {
    /// Nothing more.
    Continue,
    /// The VM ends.
    End(Outcome),
}

/// A device behind I/O ports.
pub(crate) trait PortDevice: Send {
    /// Reads the port at `offset` from the device's first; `data` has the width of the access, 1, 2 or 4 bytes, and is all ones.
    fn read(&mut self, offset: u16, data: &mut [u8]);
    /// Writes the port at `offset` from the device's first.
    fn write(&mut self, offset: u16, data: &[u8]) -> PortEffect;
}

/// A port device shared between CPUs and the API.
pub(crate) type SharedPortDevice = Arc<Mutex<dyn PortDevice>>;

/// Ports of one device.
pub(crate) struct PortRange {
    /// First port.
    pub(crate) first: u16,
    /// Number of ports.
    pub(crate) count: u16,
    /// Who answers.
    pub(crate) device: SharedPortDevice,
}

/// All devices of a VM.
pub(crate) struct Bus {
    ports: Vec<PortRange>,
    /// virtio-mmio windows in order, from [`layout::MMIO_START`].
    windows: Vec<Window>,
    /// KVM has one ring per VM; one CPU at a time empties it.
    ring: Mutex<()>,
}

impl std::fmt::Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bus")
            .field("ports", &self.ports.len())
            .field("windows", &self.windows.len())
            .finish()
    }
}

impl Bus {
    /// Puts devices on the bus; slot N is at [`layout::MMIO_START`] + N windows.
    pub(crate) fn new(ports: Vec<PortRange>, slots: Vec<SharedDevice>) -> Self {
        Self {
            ports,
            windows: slots.into_iter().map(Window::new).collect(),
            ring: Mutex::new(()),
        }
    }

    fn port(&self, port: u16) -> Option<(&SharedPortDevice, u16)> {
        self.ports.iter().find_map(|range| {
            let offset = port.checked_sub(range.first)?;
            (offset < range.count).then_some((&range.device, offset))
        })
    }

    /// `in`.
    pub(crate) fn port_read(&self, port: u16, data: &mut [u8]) {
        data.fill(0xff);
        if let Some((device, offset)) = self.port(port) {
            lock(device).read(offset, data);
        }
    }

    /// `out` of up to four bytes.
    pub(crate) fn port_write(&self, port: u16, data: &[u8]) -> PortEffect {
        match self.port(port) {
            Some((device, offset)) => lock(device).write(offset, data),
            None => PortEffect::Continue,
        }
    }

    /// `rep outsb`: every byte to the same port. Strings never end the VM, so the effect is dropped.
    pub(crate) fn port_write_string(&self, port: u16, data: &[u8]) {
        if let Some((device, offset)) = self.port(port) {
            let mut device = lock(device);
            for byte in data.chunks(1) {
                device.write(offset, byte);
            }
        }
    }

    fn window(&self, address: u64) -> Option<(&Window, u64)> {
        let offset = address.checked_sub(layout::MMIO_START)?;
        let window = self.windows.get((offset / layout::MMIO_WINDOW) as usize)?;
        Some((window, offset % layout::MMIO_WINDOW))
    }

    /// A read that no memory answers.
    pub(crate) fn mmio_read(&self, address: u64, data: &mut [u8]) {
        match self.window(address) {
            Some((window, offset)) => window.read(offset, data),
            None => data.fill(0xff),
        }
    }

    /// A write that no memory takes.
    pub(crate) fn mmio_write(&self, address: u64, data: &[u8]) {
        if let Some((window, offset)) = self.window(address) {
            window.write(offset, data);
        }
    }

    /// Hands the writes in KVM's ring to their devices, oldest first. The ring holds at most 170 of them.
    pub(crate) fn drain_coalesced(&self, vcpu: &mut VcpuFd) {
        let _only_one = lock(&self.ring);
        // Bounded: another CPU may fill the ring as fast as this one empties it.
        for _ in 0..256 {
            match vcpu.coalesced_mmio_read() {
                Ok(Some(write)) => {
                    let length = (write.len as usize).min(write.data.len());
                    self.mmio_write(write.phys_addr, &write.data[..length]);
                }
                Ok(None) | Err(_) => return,
            }
        }
    }
}
