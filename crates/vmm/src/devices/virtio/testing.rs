//! A virtio driver for tests, honest and hostile, and seeded randomness.

use std::sync::{Arc, Mutex};

use vm_memory::{Bytes, GuestAddress};
use vmm_sys_util::eventfd::EventFd;

use super::{
    VirtioDevice,
    mmio::{Interrupt, MmioDevice, SharedDevice, Window},
};
use crate::{
    memory::{self, GuestMemory},
    output::lock,
};

/// xorshift64*: small, seeded, good enough to make up guests.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A sequence that only depends on `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }
}

/// Size of a test's guest memory in bytes.
pub(crate) const MEMORY: u64 = 4 << 20;
/// Where tests put data.
pub(crate) const DATA: u64 = 1 << 20;
/// Descriptor flags, virtio 1.2 section 2.7.5.
pub(crate) const NEXT: u16 = 1;
/// The device writes this buffer.
pub(crate) const WRITE: u16 = 2;
/// The buffer is a table of descriptors.
pub(crate) const INDIRECT: u16 = 4;
/// Queue size that the driver of the tests chooses.
const SIZE: u16 = 16;

/// A driver's side of a device: registers through the window, rings in memory, no thread.
pub(crate) struct Rig {
    /// Guest memory.
    pub(crate) memory: Arc<GuestMemory>,
    /// Registers.
    pub(crate) window: Window,
    /// The device.
    pub(crate) device: SharedDevice,
    /// Edges of its interrupt.
    pub(crate) line: EventFd,
    next_descriptor: [u16; 4],
}

impl Rig {
    /// A device after reset.
    pub(crate) fn new(device: impl VirtioDevice + 'static) -> Self {
        let memory = memory::map(MEMORY, false).unwrap();
        let line = EventFd::new(libc::EFD_NONBLOCK).unwrap();
        let interrupt = Interrupt::new(line.try_clone().unwrap());
        let device = MmioDevice::new(Box::new(device), Arc::clone(&memory), interrupt).unwrap();
        let device = Arc::new(Mutex::new(device));
        Self {
            memory,
            window: Window::new(Arc::clone(&device)),
            device,
            line,
            next_descriptor: [0; 4],
        }
    }

    /// Reads a register.
    pub(crate) fn get(&self, offset: u64) -> u32 {
        let mut data = [0xff; 4];
        self.window.read(offset, &mut data);
        u32::from_le_bytes(data)
    }

    /// Writes a register.
    pub(crate) fn set(&self, offset: u64, value: u32) {
        self.window.write(offset, &value.to_le_bytes());
    }

    /// Drives the device to active with these features and all of its queues.
    pub(crate) fn activate(&mut self, features: u64, queues: u32) {
        self.next_descriptor = [0; 4];
        for status in [0, 1, 3] {
            self.set(0x70, status);
        }
        let features = features | 1 << 32;
        for half in [0, 1] {
            self.set(0x24, half);
            self.set(0x20, (features >> (32 * half)) as u32);
        }
        self.set(0x70, 11);
        assert_eq!(self.get(0x70), 11, "features are taken");
        for queue in 0..queues {
            self.set(0x30, queue);
            self.set(0x38, SIZE.into());
            for (register, offset) in [(0x80, 0), (0x90, 0x1000), (0xa0, 0x2000)] {
                self.set(register, (base(queue) + offset) as u32);
                self.set(register + 4, 0);
            }
            self.memory
                .write_slice(&[0; 0x3000], GuestAddress(base(queue)))
                .unwrap();
            self.set(0x44, 1);
        }
        self.set(0x70, 15);
    }

    /// Writes one descriptor.
    pub(crate) fn describe(
        &self,
        queue: u32,
        index: u16,
        (address, length, flags, next): (u64, u32, u16, u16),
    ) {
        let at = GuestAddress(base(queue) + u64::from(index) * 16);
        self.memory
            .write_slice(&descriptor(address, length, flags, next), at)
            .unwrap();
    }

    /// Offers a chain of `(address, length, flags)`, linking them; returns its head.
    pub(crate) fn offer(&mut self, queue: u32, buffers: &[(u64, u32, u16)]) -> u16 {
        let first = self.next_descriptor[queue as usize];
        for (position, &(address, length, flags)) in buffers.iter().enumerate() {
            let index = (first + position as u16) % SIZE;
            let more = if position + 1 < buffers.len() { NEXT } else { 0 };
            self.describe(queue, index, (address, length, flags | more, (index + 1) % SIZE));
        }
        self.next_descriptor[queue as usize] = (first + buffers.len() as u16) % SIZE;
        self.publish(queue, first);
        first
    }

    /// Makes the descriptor at `head` available.
    pub(crate) fn publish(&self, queue: u32, head: u16) {
        let ring = base(queue) + 0x1000;
        let index: u16 = self.memory.read_obj(GuestAddress(ring + 2)).unwrap();
        let slot = ring + 4 + u64::from(index % SIZE) * 2;
        self.memory.write_obj(head, GuestAddress(slot)).unwrap();
        self.memory
            .write_obj(index.wrapping_add(1), GuestAddress(ring + 2))
            .unwrap();
    }

    /// Rings the doorbell and lets the device work.
    pub(crate) fn ring(&self, queue: u32) {
        lock(&self.device).ring(queue as usize);
    }

    /// Count of requests that the device is done with.
    pub(crate) fn used(&self, queue: u32) -> u16 {
        self.memory.read_obj(GuestAddress(base(queue) + 0x2002)).unwrap()
    }

    /// Head and length of the request that was done as the `index`-th.
    pub(crate) fn used_element(&self, queue: u32, index: u16) -> (u32, u32) {
        let at = base(queue) + 0x2004 + u64::from(index % SIZE) * 8;
        let word = |at| self.memory.read_obj(GuestAddress(at)).unwrap();
        (word(at), word(at + 4))
    }

    /// Whether the device asks for a reset.
    pub(crate) fn is_broken(&self) -> bool {
        self.get(0x70) & 64 != 0
    }

    /// Reads guest memory.
    pub(crate) fn bytes(&self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.memory.read_slice(&mut bytes, GuestAddress(address)).unwrap();
        bytes
    }

    /// Plays a hostile driver: nonsense in rings, descriptors and registers, for `rounds` steps.
    /// The test is that this returns: nothing panics, hangs or is written outside of memory.
    pub(crate) fn torment(&mut self, seed: u64, rounds: u32, features: u64, queues: u32) {
        let mut random = Random::new(seed);
        self.activate(features, queues);
        for _ in 0..rounds {
            let queue = random.below(queues.into()) as u32;
            match random.below(12) {
                0 => {
                    let at = base(queue) + random.below(0x3000);
                    self.memory.write_obj(random.next(), GuestAddress(at)).unwrap();
                }
                1 => self.set(random.below(0x40) * 4, random.next() as u32),
                2 => self.set(random.below(0x40) * 4, random.below(16) as u32),
                3 => {
                    let width = 1 << random.below(4);
                    self.window.read(random.below(0x1000), &mut [0; 8][..width]);
                }
                4 if random.below(4) == 0 => self.activate(features, queues),
                5 => {
                    // An indirect table, perhaps of nonsense.
                    let table = DATA + 0x8000;
                    for entry in 0..8 {
                        let bytes = random_descriptor(&mut random, 8);
                        self.memory
                            .write_slice(&bytes, GuestAddress(table + entry * 16))
                            .unwrap();
                    }
                    let length = 16 * random.below(10) as u32;
                    self.offer(queue, &[(table, length, INDIRECT)]);
                }
                6..=8 => {
                    let index = random.below(SIZE.into()) as u16;
                    let bytes = random_descriptor(&mut random, SIZE.into());
                    let at = GuestAddress(base(queue) + u64::from(index) * 16);
                    self.memory.write_slice(&bytes, at).unwrap();
                    self.publish(queue, index);
                }
                _ => self.ring(queue),
            }
            if self.is_broken() && random.below(4) == 0 {
                self.activate(features, queues);
            }
        }
    }
}

/// Guest-physical address of a queue's rings.
pub(crate) fn base(queue: u32) -> u64 {
    0x1_0000 * (u64::from(queue) + 1)
}

/// A descriptor as it lies in memory.
pub(crate) fn descriptor(address: u64, length: u32, flags: u16, next: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&address.to_le_bytes());
    bytes[8..12].copy_from_slice(&length.to_le_bytes());
    bytes[12..14].copy_from_slice(&flags.to_le_bytes());
    bytes[14..].copy_from_slice(&next.to_le_bytes());
    bytes
}

/// Mostly sensible, so that the nonsense gets far.
fn random_descriptor(random: &mut Random, indices: u64) -> [u8; 16] {
    let address = match random.below(8) {
        0 => random.next(),
        1 => MEMORY - random.below(64),
        _ => DATA + random.below(0x4000),
    };
    let length = match random.below(8) {
        0 => random.next() as u32,
        1 => 0,
        2 => 16,
        3 => 1,
        _ => random.below(4096) as u32,
    };
    let flags = if random.below(20) == 0 {
        random.next()
    } else {
        random.below(4)
    };
    descriptor(address, length, flags as u16, random.below(indices + 1) as u16)
}
