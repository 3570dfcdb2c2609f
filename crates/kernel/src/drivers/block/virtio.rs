//! The virtio block device (virtio 1.2, 5.2).
//!
//! A call is split into requests ([`request`](super::request)), as many of which as have room are queued under one doorbell; the calling thread then
//! sleeps until the device has finished all of them. Several threads may do so at once. The interrupt is asked for the end of
//! what is in flight, not for each request.

use super::{
    BlockDevice, BlockError, SECTOR_SIZE,
    request::{Kind, Limits, Requests, Transfer},
};
use crate::{
    arch,
    drivers::virtio::{Device, Error, Link},
    mm::dma,
    sync::Lock,
    wait::{WaitQueue, wait_for},
};
use alloc::{boxed::Box, string::String, vec::Vec};

const QUEUE: u16 = 0;
const MAX_QUEUE_SIZE: u16 = 256;

const F_SIZE_MAX: u64 = 1 << 1;
const F_SEG_MAX: u64 = 1 << 2;
const F_RO: u64 = 1 << 5;
const F_FLUSH: u64 = 1 << 9;

/// Disks whose interrupts are served; they stay for the life of the VM.
static DISKS: Lock<Vec<&'static VirtioBlock>> = Lock::new(Vec::new());

/// A virtio disk.
#[derive(Debug)]
pub struct VirtioBlock {
    link: Link,
    capacity_sectors: u64,
    read_only: bool,
    flushes: bool,
    requests: Lock<Requests>,
    changed: WaitQueue,
}

impl VirtioBlock {
    /// Sets a disk up and serves its interrupts from now on.
    ///
    /// # Errors
    ///
    /// See [`virtio::Error`].
    pub fn probe(device: Device) -> Result<&'static Self, Error> {
        let disk: &'static Self = Box::leak(Box::new(Self::new(device, dma::translate)?));
        DISKS.lock().push(disk);
        arch::interrupt::register(disk.link.irq(), on_interrupt);
        Ok(disk)
    }

    fn new(mut device: Device, translate: fn(u64) -> Option<u64>) -> Result<Self, Error> {
        let features = device.negotiate(F_SIZE_MAX | F_SEG_MAX | F_RO | F_FLUSH)?;
        let has = |feature| features & feature != 0;
        let queue = device.queue(QUEUE, MAX_QUEUE_SIZE)?;
        let limits = Limits {
            // Without the feature one segment is all that may be assumed, and all that Firecracker takes.
            segments: if has(F_SEG_MAX) {
                device.config(12).max(1)
            } else {
                1
            },
            translate,
            segment_bytes: if has(F_SIZE_MAX) {
                device.config(8).max(SECTOR_SIZE as u32)
            } else {
                u32::MAX
            },
        };
        let capacity_sectors = u64::from(device.config(0)) | u64::from(device.config(4)) << 32;
        Ok(Self {
            capacity_sectors,
            read_only: has(F_RO),
            flushes: has(F_FLUSH),
            requests: Lock::new(Requests::new(queue, limits)),
            changed: WaitQueue::new(),
            link: device.start(),
        })
    }

    fn transfer(&self, kind: Kind, sector: u64, address: u64, bytes: usize) -> Result<(), BlockError> {
        let sectors = (bytes / SECTOR_SIZE) as u64;
        if !bytes.is_multiple_of(SECTOR_SIZE) {
            return Err(BlockError::Unaligned);
        }
        if sector
            .checked_add(sectors)
            .is_none_or(|end| end > self.capacity_sectors)
        {
            return Err(BlockError::OutOfRange);
        }
        self.run(&mut Transfer::new(kind, sector, address, bytes))
    }

    /// Takes a transfer to its end, or to its first error; either way nothing of it is in flight afterwards.
    fn run(&self, transfer: &mut Transfer) -> Result<(), BlockError> {
        let mut result = Ok(());
        while !transfer.is_done() && result.is_ok() {
            let mut mine = 0;
            let (submitted, notify) = {
                let mut requests = self.requests.lock();
                let submitted = requests.submit(transfer, &mut mine);
                (submitted, requests.should_notify())
            };
            if notify {
                self.link.notify(QUEUE);
            }
            if mine == 0 && submitted.is_ok() {
                // Others have it all: wait until some of them have finished.
                wait_for(&self.changed, || self.requests.lock().has_room());
                continue;
            }
            wait_for(&self.changed, || self.requests.lock().finished(mine));
            let collected = self.requests.lock().collect(mine);
            self.changed.wake_all();
            result = submitted.and(collected);
        }
        result
    }

    fn serve_interrupt(&self) {
        self.link.acknowledge();
        self.requests.lock().reap();
        self.changed.wake_all();
    }
}

impl BlockDevice for VirtioBlock {
    fn capacity_sectors(&self) -> u64 {
        self.capacity_sectors
    }

    fn read_only(&self) -> bool {
        self.read_only
    }

    fn read(&self, sector: u64, buffer: &mut [u8]) -> Result<(), BlockError> {
        self.transfer(Kind::Read, sector, buffer.as_mut_ptr() as u64, buffer.len())
    }

    fn write(&self, sector: u64, buffer: &[u8]) -> Result<(), BlockError> {
        if self.read_only {
            return Err(BlockError::ReadOnly);
        }
        self.transfer(Kind::Write, sector, buffer.as_ptr() as u64, buffer.len())
    }

    fn flush(&self) -> Result<(), BlockError> {
        if !self.flushes {
            return Ok(());
        }
        self.run(&mut Transfer::new(Kind::Flush, 0, 0, 0))
    }

    fn id(&self) -> String {
        let mut id = [0u8; Kind::ID_BYTES];
        match self.run(&mut Transfer::new(
            Kind::GetId,
            0,
            id.as_mut_ptr() as u64,
            id.len(),
        )) {
            Ok(()) => id
                .iter()
                .take_while(|&&byte| byte != 0)
                .map(|&byte| char::from(byte))
                .collect(),
            Err(_) => String::new(),
        }
    }
}

/// Serves all disks: their interrupts may share a line.
fn on_interrupt() {
    let disk = |index| DISKS.lock().get(index).copied();
    for index in 0.. {
        let Some(disk) = disk(index) else { return };
        disk.serve_interrupt();
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
