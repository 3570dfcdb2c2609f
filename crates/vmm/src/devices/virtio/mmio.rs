//! The virtio-mmio transport (virtio 1.2, section 4.2): registers on the CPU's side, events on the device thread's side.
//!
//! Two accesses are kept away from the lock and from us: the doorbell is an ioeventfd, the interrupt an irqfd. Interrupts are
//! edges: each one is delivered whether or not the driver has acknowledged the one before, so a driver that knows what its
//! devices do may leave `InterruptStatus` and `InterruptACK` alone and save two exits per interrupt.

use std::{
    os::fd::{AsRawFd, RawFd},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use event_manager::{EventOps, EventSet, Events, MutEventSubscriber};
use virtio_queue::{Queue, QueueT};
use vmm_sys_util::eventfd::EventFd;

use super::{Cause, VirtioDevice};
use crate::{memory::GuestMemory, metrics::METRICS, output::lock};

/// "virt", little-endian.
const MAGIC: u32 = 0x7472_6976;
/// Version 2: no legacy interface.
const VERSION: u32 = 2;
/// "UIGN"; drivers ignore it.
const VENDOR: u32 = 0x4e47_4955;

/// Status bits, section 2.1.
const FEATURES_OK: u32 = 8;
const DRIVER_OK: u32 = 4;
const NEEDS_RESET: u32 = 64;
const FAILED: u32 = 128;

/// Feature bits of the transport, section 6.
const RING_INDIRECT_DESC: u64 = 1 << 28;
const RING_EVENT_IDX: u64 = 1 << 29;
const VERSION_1: u64 = 1 << 32;

/// Interrupt causes, section 4.2.2.
const USED_BUFFER: u32 = 1;
const CONFIG_CHANGE: u32 = 2;

/// Register offsets, table 4.1.
mod register {
    pub(super) const MAGIC: u64 = 0x000;
    pub(super) const VERSION: u64 = 0x004;
    pub(super) const DEVICE_ID: u64 = 0x008;
    pub(super) const VENDOR_ID: u64 = 0x00c;
    pub(super) const DEVICE_FEATURES: u64 = 0x010;
    pub(super) const DEVICE_FEATURES_SEL: u64 = 0x014;
    pub(super) const DRIVER_FEATURES: u64 = 0x020;
    pub(super) const DRIVER_FEATURES_SEL: u64 = 0x024;
    pub(super) const QUEUE_SEL: u64 = 0x030;
    pub(super) const QUEUE_NUM_MAX: u64 = 0x034;
    pub(super) const QUEUE_NUM: u64 = 0x038;
    pub(super) const QUEUE_READY: u64 = 0x044;
    pub(super) const QUEUE_NOTIFY: u64 = 0x050;
    pub(super) const INTERRUPT_STATUS: u64 = 0x060;
    pub(super) const INTERRUPT_ACK: u64 = 0x064;
    pub(super) const STATUS: u64 = 0x070;
    pub(super) const QUEUE_DESC: u64 = 0x080;
    pub(super) const QUEUE_DRIVER: u64 = 0x090;
    pub(super) const QUEUE_DEVICE: u64 = 0x0a0;
    pub(super) const SHM_LENGTH: u64 = 0x0b0;
    pub(super) const SHM_END: u64 = 0x0c0;
    pub(super) const CONFIG_GENERATION: u64 = 0x0fc;
    pub(super) const CONFIG: u64 = 0x100;
}

/// Offset of the doorbell, for the ioeventfd.
pub(crate) const DOORBELL: u64 = register::QUEUE_NOTIFY;

/// Write-only registers whose effect waits for a later access: `(first, length)` of two stretches, from `DeviceFeaturesSel` to
/// `QueueReady` and the queue addresses. KVM may collect writes to them. Status, doorbell and acknowledgement are not among them.
pub(crate) const LAZY_WRITES: [(u64, u32); 2] = [
    (register::DEVICE_FEATURES_SEL, 0x34),
    (register::QUEUE_DESC, 0x28),
];

/// The interrupt of one device.
#[derive(Debug)]
pub(crate) struct Interrupt {
    status: AtomicU32,
    line: EventFd,
}

impl Interrupt {
    /// An interrupt whose edges go to `line`, an irqfd.
    pub(crate) fn new(line: EventFd) -> Arc<Self> {
        Arc::new(Self {
            status: AtomicU32::new(0),
            line,
        })
    }

    fn raise(&self, cause: u32) {
        self.status.fetch_or(cause, Ordering::SeqCst);
        // Nonblocking; KVM empties the counter at once, so it never saturates.
        let _ = self.line.write(1);
    }
}

/// A device that CPUs, the device thread and the API share.
pub(crate) type SharedDevice = Arc<Mutex<MmioDevice>>;

/// A device's register window as CPUs see it.
pub(crate) struct Window {
    interrupt: Arc<Interrupt>,
    device: SharedDevice,
}

impl Window {
    /// The window of `device`.
    pub(crate) fn new(device: SharedDevice) -> Self {
        let interrupt = Arc::clone(&lock(&device).interrupt);
        Self { interrupt, device }
    }

    /// A read of `data.len()` bytes at `offset`. Registers are 32 bits wide and answer zero to any other width (4.2.2.2).
    pub(crate) fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        if offset >= register::CONFIG {
            lock(&self.device)
                .device
                .read_config(offset - register::CONFIG, data);
        } else if let Ok(data) = <&mut [u8; 4]>::try_from(data) {
            // Without the lock: the device thread may be at work.
            let value = match offset {
                register::INTERRUPT_STATUS => self.interrupt.status.load(Ordering::SeqCst),
                _ => lock(&self.device).read(offset),
            };
            *data = value.to_le_bytes();
        }
    }

    /// A write at `offset`. Configuration space is read-only in all our devices.
    pub(crate) fn write(&self, offset: u64, data: &[u8]) {
        let Ok(value) = data.try_into().map(u32::from_le_bytes) else {
            return;
        };
        match offset {
            register::INTERRUPT_ACK => {
                self.interrupt.status.fetch_and(!value, Ordering::SeqCst);
            }
            register::CONFIG.. => {}
            _ => lock(&self.device).write(offset, value),
        }
    }
}

/// A device with its registers and queues.
pub(crate) struct MmioDevice {
    device: Box<dyn VirtioDevice>,
    queues: Vec<Queue>,
    doorbells: Vec<EventFd>,
    interrupt: Arc<Interrupt>,
    memory: Arc<GuestMemory>,
    status: u32,
    driver_features: u64,
    device_features_sel: u32,
    driver_features_sel: u32,
    queue_sel: usize,
    generation: u32,
}

impl MmioDevice {
    /// Wraps `device`. There is one doorbell per queue.
    ///
    /// # Errors
    ///
    /// Where no eventfd can be had.
    pub(crate) fn new(
        device: Box<dyn VirtioDevice>,
        memory: Arc<GuestMemory>,
        interrupt: Arc<Interrupt>,
    ) -> std::io::Result<Self> {
        let sizes = device.queue_sizes();
        let queues = sizes
            .iter()
            .map(|size| Queue::new(*size).map_err(std::io::Error::other))
            .collect::<Result<_, _>>()?;
        let doorbells = sizes
            .iter()
            .map(|_| EventFd::new(libc::EFD_NONBLOCK | libc::EFD_CLOEXEC))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            device,
            queues,
            doorbells,
            interrupt,
            memory,
            status: 0,
            driver_features: 0,
            device_features_sel: 0,
            driver_features_sel: 0,
            queue_sel: 0,
            generation: 0,
        })
    }

    /// Doorbells in the order of queues.
    pub(crate) fn doorbells(&self) -> &[EventFd] {
        &self.doorbells
    }

    /// Tells the driver that the device's configuration is another now.
    pub(crate) fn config_changed(&mut self) {
        self.generation = self.generation.wrapping_add(1);
        if self.is_active() {
            self.interrupt.raise(CONFIG_CHANGE);
        }
    }

    fn offered(&self) -> u64 {
        self.device.features() | VERSION_1 | RING_EVENT_IDX | RING_INDIRECT_DESC
    }

    fn is_active(&self) -> bool {
        self.status & (DRIVER_OK | NEEDS_RESET | FAILED) == DRIVER_OK
    }

    fn read(&self, offset: u64) -> u32 {
        let queue = self.queues.get(self.queue_sel);
        match offset {
            register::MAGIC => MAGIC,
            register::VERSION => VERSION,
            register::DEVICE_ID => self.device.id(),
            register::VENDOR_ID => VENDOR,
            register::DEVICE_FEATURES => half(self.offered(), self.device_features_sel),
            register::QUEUE_NUM_MAX => queue.map_or(0, |queue| queue.max_size().into()),
            register::QUEUE_READY => queue.is_some_and(Queue::ready).into(),
            register::STATUS => self.status,
            // No shared memory: length and base are all ones (4.2.2.1).
            register::SHM_LENGTH..register::SHM_END => u32::MAX,
            register::CONFIG_GENERATION => self.generation,
            _ => 0,
        }
    }

    fn write(&mut self, offset: u64, value: u32) {
        match offset {
            register::DEVICE_FEATURES_SEL => self.device_features_sel = value,
            register::DRIVER_FEATURES_SEL => self.driver_features_sel = value,
            register::DRIVER_FEATURES if self.status & FEATURES_OK == 0 => {
                let shift = match self.driver_features_sel {
                    0 => 0,
                    1 => 32,
                    _ => return,
                };
                self.driver_features &= !(u64::from(u32::MAX) << shift);
                self.driver_features |= u64::from(value) << shift;
            }
            register::QUEUE_SEL => self.queue_sel = value as usize,
            register::QUEUE_NOTIFY => {
                // Reached only where the ioeventfd did not match, as by a guest that writes another width first.
                if let Some(doorbell) = self.doorbells.get(value as usize) {
                    let _ = doorbell.write(1);
                }
            }
            register::STATUS => self.set_status(value),
            _ => self.write_queue(offset, value),
        }
    }

    /// Queue registers; they are fixed once the driver is done (4.2.3.2).
    fn write_queue(&mut self, offset: u64, value: u32) {
        if self.status & DRIVER_OK != 0 {
            return;
        }
        let Some(queue) = self.queues.get_mut(self.queue_sel) else {
            return;
        };
        match offset {
            register::QUEUE_NUM => queue.set_size(value.min(u16::MAX.into()) as u16),
            register::QUEUE_READY => queue.set_ready(value == 1),
            register::QUEUE_DESC => queue.set_desc_table_address(Some(value), None),
            register::QUEUE_DRIVER => queue.set_avail_ring_address(Some(value), None),
            register::QUEUE_DEVICE => queue.set_used_ring_address(Some(value), None),
            _ => match offset.wrapping_sub(4) {
                register::QUEUE_DESC => queue.set_desc_table_address(None, Some(value)),
                register::QUEUE_DRIVER => queue.set_avail_ring_address(None, Some(value)),
                register::QUEUE_DEVICE => queue.set_used_ring_address(None, Some(value)),
                _ => {}
            },
        }
    }

    fn set_status(&mut self, value: u32) {
        if value == 0 {
            self.reset();
            return;
        }
        // The driver only adds bits (2.1.1), and one of them is not its to set.
        let added = value & !self.status & !NEEDS_RESET;
        self.status |= added & !(FEATURES_OK | DRIVER_OK);
        if added & FEATURES_OK != 0 {
            let fits = self.driver_features & !self.offered() == 0 && self.driver_features & VERSION_1 != 0;
            if fits {
                self.status |= FEATURES_OK;
            }
        }
        if added & DRIVER_OK != 0 && self.status & FEATURES_OK != 0 {
            self.status |= DRIVER_OK;
            self.activate();
        }
    }

    fn activate(&mut self) {
        let event_idx = self.driver_features & RING_EVENT_IDX != 0;
        for queue in &mut self.queues {
            queue.set_event_idx(event_idx);
        }
        let valid = self
            .queues
            .iter()
            .all(|queue| !queue.ready() || queue.is_valid(&*self.memory));
        if !valid {
            self.broken("its queues lie outside of memory");
            return;
        }
        self.device.activate(self.driver_features);
        // Work may wait already: buffers offered before DRIVER_OK, frames in the tap.
        for doorbell in &self.doorbells {
            let _ = doorbell.write(1);
        }
    }

    fn reset(&mut self) {
        self.device.reset();
        for queue in &mut self.queues {
            queue.reset();
        }
        self.status = 0;
        self.driver_features = 0;
        self.device_features_sel = 0;
        self.driver_features_sel = 0;
        self.queue_sel = 0;
        self.interrupt.status.store(0, Ordering::SeqCst);
    }

    fn broken(&mut self, why: &str) {
        METRICS.devices_broken.add(1);
        log::warn!("virtio device {} stops until reset: {why}", self.device.id());
        self.status |= NEEDS_RESET;
        self.interrupt.raise(CONFIG_CHANGE);
    }

    fn process_cause(&mut self, cause: Cause) {
        let queue = match cause {
            Cause::Queue(queue) => queue,
            Cause::Source => 0,
        };
        let is_ready = self.queues.get(queue).is_some_and(Queue::ready);
        if !self.is_active() || !is_ready {
            return;
        }
        match self.device.process(cause, &mut self.queues, &self.memory) {
            Ok(progress) => {
                if progress.interrupt {
                    self.interrupt.raise(USED_BUFFER);
                }
                if progress.again {
                    let _ = self.doorbells[queue].write(1);
                }
            }
            Err(error) => self.broken(&error.to_string()),
        }
    }

    /// Calls the device as the event loop does.
    #[cfg(test)]
    pub(crate) fn ring(&mut self, queue: usize) {
        self.process_cause(Cause::Queue(queue));
    }
}

/// `data` of device events that come from the device's own source and not from a doorbell.
const SOURCE: u32 = u32::MAX;

impl MutEventSubscriber for MmioDevice {
    fn init(&mut self, ops: &mut EventOps<'_>) {
        // Edge-triggered, so that eventfds need not be read: each write is a new edge.
        let set = EventSet::IN | EventSet::EDGE_TRIGGERED;
        let mut add = |fd: RawFd, data: u32| {
            if let Err(error) = ops.add(Events::with_data_raw(fd, data, set)) {
                log::error!("virtio device {} cannot be watched: {error}", self.device.id());
            }
        };
        for (index, doorbell) in self.doorbells.iter().enumerate() {
            add(doorbell.as_raw_fd(), index as u32);
        }
        if let Some(source) = self.device.source() {
            add(source, SOURCE);
        }
    }

    fn process(&mut self, events: Events, _ops: &mut EventOps<'_>) {
        self.process_cause(match events.data() {
            SOURCE => Cause::Source,
            queue => Cause::Queue(queue as usize),
        });
    }
}

fn half(features: u64, select: u32) -> u32 {
    match select {
        0 => features as u32,
        1 => (features >> 32) as u32,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
