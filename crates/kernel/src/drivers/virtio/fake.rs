//! A virtio-over-MMIO device for the tests: its own reading of the specification, from the device's side.
//!
//! Guest-physical addresses are the test process's own. The device may finish chains when the doorbell rings ([`Fake::serve`]) or when the
//! test says so ([`Fake::take`], [`Fake::finish`]), and it may lie ([`Fake::forge_used`]).

use super::registers::{MAGIC, Registers, offset};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, AtomicU32, Ordering},
};

/// Set in addresses by tests that want neighbouring pages to be no neighbours for the device; not part of the address.
pub(crate) const SCATTER_BIT: u64 = 1 << 48;

type Handler = Box<dyn FnMut(u16, &mut Chain) + Send>;

/// What the device is like; tests change fields before the driver probes.
#[derive(Clone, Debug)]
pub(crate) struct Spec {
    pub(crate) magic: u32,
    pub(crate) version: u32,
    pub(crate) id: u32,
    pub(crate) vendor: u32,
    pub(crate) features: u64,
    pub(crate) accepts_features: bool,
    pub(crate) queue_max: u32,
    pub(crate) config: Vec<u8>,
}

impl Spec {
    /// A current device with event indices and queues of 256.
    pub(crate) fn new(id: u32, features: u64, config: &[u8]) -> Self {
        Self {
            magic: MAGIC,
            version: 2,
            id,
            vendor: 0,
            features: features | super::feature::VERSION_1 | super::feature::EVENT_IDX,
            accepts_features: true,
            queue_max: 256,
            config: config.to_vec(),
        }
    }

    /// The same, as QEMU offers it by default.
    pub(crate) fn legacy(mut self) -> Self {
        self.version = 1;
        self.vendor = 0x554d_4551;
        self.features = self.features & !super::feature::VERSION_1 | super::feature::ANY_LAYOUT;
        self
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Ring {
    size: u32,
    descriptors: u64,
    available: u64,
    used: u64,
    ready: bool,
    seen: u16,
    done: u16,
    interrupts: u32,
    doorbells: u32,
}

struct State {
    spec: Spec,
    rings: [Ring; 3],
    selected: usize,
    features_sel: [u32; 2],
    driver_features: u64,
    status: u32,
    acknowledged: u32,
    accesses: u32,
    handler: Option<Handler>,
}

/// A chain in the device's hands.
#[derive(Debug)]
pub(crate) struct Chain {
    head: u16,
    /// What the driver wrote for the device, parts joined.
    pub(crate) input: Vec<u8>,
    writable: Vec<(u64, usize)>,
    /// Where the first writable part began.
    start: u64,
    /// Number of descriptors.
    pub(crate) descriptors: usize,
    /// Bytes written so far.
    pub(crate) written: usize,
}

impl Chain {
    /// Bytes that the device may still write.
    pub(crate) fn room(&self) -> usize {
        self.writable.iter().map(|part| part.1).sum()
    }

    /// Writes the next bytes.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) {
        assert!(
            bytes.len() <= self.room(),
            "the chain has no room for {} bytes",
            bytes.len()
        );
        self.written += bytes.len();
        while !bytes.is_empty() {
            let (address, len) = &mut self.writable[0];
            let count = bytes.len().min(*len);
            // SAFETY: the driver lent these bytes to the device until the chain is finished.
            unsafe {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), (*address & !SCATTER_BIT) as *mut u8, count)
            };
            (*address, *len, bytes) = (*address + count as u64, *len - count, &bytes[count..]);
            if *len == 0 {
                self.writable.remove(0);
            }
        }
    }
}

impl Chain {
    /// Overwrites bytes of the first writable part.
    pub(crate) fn patch(&mut self, at: usize, bytes: &[u8]) {
        // SAFETY: as for `write`; the tests stay inside the first part.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), (self.start as *mut u8).add(at), bytes.len())
        };
    }
}

/// The device.
pub(crate) struct Fake {
    state: Mutex<State>,
}

fn atomic16(address: u64) -> &'static AtomicU16 {
    // SAFETY: ring memory, which lives forever; the driver told the address.
    unsafe { AtomicU16::from_ptr(address as *mut u16) }
}

fn atomic32(address: u64) -> &'static AtomicU32 {
    // SAFETY: as above.
    unsafe { AtomicU32::from_ptr(address as *mut u32) }
}

impl Fake {
    pub(crate) fn new(spec: Spec) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                spec,
                rings: Default::default(),
                selected: 0,
                features_sel: [0; 2],
                driver_features: 0,
                status: 0,
                acknowledged: 0,
                accesses: 0,
                handler: None,
            }),
        })
    }

    /// From now on finishes each chain at the doorbell, with what `handler` does for (queue, chain).
    pub(crate) fn serve(&self, handler: impl FnMut(u16, &mut Chain) + Send + 'static) {
        self.state.lock().unwrap().handler = Some(Box::new(handler));
    }

    /// From now on leaves chains to [`take`](Self::take) again.
    pub(crate) fn serve_no_more(&self) {
        self.state.lock().unwrap().handler = None;
    }

    /// Takes the next chain of a queue.
    pub(crate) fn take(&self, queue: u16) -> Option<Chain> {
        self.state.lock().unwrap().take(queue)
    }

    /// Gives a chain back.
    pub(crate) fn finish(&self, queue: u16, chain: &Chain) {
        self.state
            .lock()
            .unwrap()
            .push_used(queue, u32::from(chain.head), chain.written as u32);
    }

    /// Gives back what was never taken.
    pub(crate) fn forge_used(&self, queue: u16, id: u32, len: u32) {
        self.state.lock().unwrap().push_used(queue, id, len);
    }

    /// Writes any index into the used ring.
    pub(crate) fn forge_index(&self, queue: u16, index: u16) {
        atomic16(self.state.lock().unwrap().rings[usize::from(queue)].used + 2)
            .store(index, Ordering::Release);
    }

    /// Interrupts raised, by queue, as the driver asked for them.
    pub(crate) fn interrupts(&self, queue: u16) -> u32 {
        self.state.lock().unwrap().rings[usize::from(queue)].interrupts
    }

    /// Doorbells heard, by queue.
    pub(crate) fn doorbells(&self, queue: u16) -> u32 {
        self.state.lock().unwrap().rings[usize::from(queue)].doorbells
    }

    /// Register accesses so far: exits, on a real machine.
    pub(crate) fn accesses(&self) -> u32 {
        self.state.lock().unwrap().accesses
    }

    /// Acknowledgements of interrupts.
    pub(crate) fn acknowledged(&self) -> u32 {
        self.state.lock().unwrap().acknowledged
    }

    /// What the driver took of the features.
    pub(crate) fn driver_features(&self) -> u64 {
        self.state.lock().unwrap().driver_features
    }

    /// The status register.
    pub(crate) fn status(&self) -> u32 {
        self.state.lock().unwrap().status
    }
}

impl State {
    fn event_idx(&self) -> bool {
        self.driver_features & super::feature::EVENT_IDX != 0
    }

    fn take(&mut self, queue: u16) -> Option<Chain> {
        let event_idx = self.event_idx();
        let ring = &mut self.rings[usize::from(queue)];
        let usable = ring.ready && ring.size > 0;
        if !usable || atomic16(ring.available + 2).load(Ordering::Acquire) == ring.seen {
            return None;
        }
        let slot = u64::from(ring.seen) % u64::from(ring.size);
        let head = atomic16(ring.available + 4 + 2 * slot).load(Ordering::Relaxed);
        ring.seen = ring.seen.wrapping_add(1);
        if event_idx {
            // Tell us of the next one.
            atomic16(ring.used + 4 + 8 * u64::from(ring.size)).store(ring.seen, Ordering::SeqCst);
        }
        let mut chain = Chain {
            head,
            input: Vec::new(),
            writable: Vec::new(),
            start: 0,
            descriptors: 0,
            written: 0,
        };
        let mut index = head;
        loop {
            assert!(
                u32::from(index) < ring.size && chain.descriptors < ring.size as usize,
                "bad chain"
            );
            chain.descriptors += 1;
            // SAFETY: inside the descriptor table that the driver told.
            let [address, rest] = unsafe { *((ring.descriptors + 16 * u64::from(index)) as *const [u64; 2]) };
            let (len, flags) = (rest as u32 as usize, (rest >> 32) as u16);
            if flags & 2 != 0 {
                chain.writable.push((address, len));
            } else {
                assert!(chain.writable.is_empty(), "a readable part after a writable one");
                // SAFETY: the driver lent these bytes.
                let part = unsafe { std::slice::from_raw_parts((address & !SCATTER_BIT) as *const u8, len) };
                chain.input.extend_from_slice(part);
            }
            if flags & 1 == 0 {
                chain.start = chain.writable.first().map_or(0, |part| part.0);
                return Some(chain);
            }
            index = (rest >> 48) as u16;
        }
    }

    fn push_used(&mut self, queue: u16, id: u32, len: u32) {
        let event_idx = self.event_idx();
        let ring = &mut self.rings[usize::from(queue)];
        let entry = ring.used + 4 + 8 * (u64::from(ring.done) % u64::from(ring.size));
        atomic32(entry).store(id, Ordering::Relaxed);
        atomic32(entry + 4).store(len, Ordering::Relaxed);
        let old = ring.done;
        ring.done = old.wrapping_add(1);
        atomic16(ring.used + 2).store(ring.done, Ordering::SeqCst);
        let wanted = if event_idx {
            atomic16(ring.available + 4 + 2 * u64::from(ring.size)).load(Ordering::SeqCst) == old
        } else {
            atomic16(ring.available).load(Ordering::SeqCst) & 1 == 0
        };
        ring.interrupts += u32::from(wanted);
    }

    fn notified(&mut self, queue: u16) {
        assert!(self.status & 4 != 0, "doorbell before DRIVER_OK");
        self.rings[usize::from(queue)].doorbells += 1;
        let Some(mut handler) = self.handler.take() else {
            return;
        };
        while let Some(mut chain) = self.take(queue) {
            handler(queue, &mut chain);
            self.push_used(queue, u32::from(chain.head), chain.written as u32);
        }
        self.handler = Some(handler);
    }

    fn set_status(&mut self, value: u32) {
        if value == 0 {
            (self.rings, self.driver_features) = Default::default();
        }
        // One more bit at a time, as Firecracker has it.
        assert!(
            value == 0 || (value & !self.status).count_ones() == 1,
            "status {:#x} to {value:#x}",
            self.status
        );
        self.status = if self.spec.accepts_features {
            value
        } else {
            value & !8
        };
    }

    fn legacy_pfn(&mut self, frame: u32) {
        let ring = &mut self.rings[self.selected];
        ring.descriptors = u64::from(frame) << 12;
        ring.available = ring.descriptors + 16 * u64::from(ring.size);
        ring.used = (ring.available + 6 + 2 * u64::from(ring.size)).next_multiple_of(4096);
        ring.ready = true;
    }
}

fn set_half(field: &mut u64, high: bool, value: u32) {
    let shift = if high { 32 } else { 0 };
    *field = *field & !(0xffff_ffff << shift) | u64::from(value) << shift;
}

impl Registers for Fake {
    fn read(&self, at: u16) -> u32 {
        let mut state = self.state.lock().unwrap();
        state.accesses += 1;
        let spec = &state.spec;
        match at {
            offset::MAGIC => spec.magic,
            offset::VERSION => spec.version,
            offset::DEVICE_ID => spec.id,
            offset::VENDOR_ID => spec.vendor,
            offset::DEVICE_FEATURES => (spec.features >> (32 * state.features_sel[0])) as u32,
            offset::QUEUE_NUM_MAX => spec.queue_max,
            offset::STATUS => state.status,
            offset::CONFIG.. => {
                let at = usize::from(at - offset::CONFIG);
                let byte =
                    |index| u32::from(spec.config.get(at + index).copied().unwrap_or(0)) << (8 * index);
                (0..4).map(byte).sum()
            }
            _ => panic!("read of register {at:#x}"),
        }
    }

    fn write(&self, at: u16, value: u32) {
        let mut state = self.state.lock().unwrap();
        let state = &mut *state;
        state.accesses += 1;
        let ring = &mut state.rings[state.selected];
        let legacy = state.spec.version == 1;
        match at {
            offset::DEVICE_FEATURES_SEL => state.features_sel[0] = value,
            offset::DRIVER_FEATURES_SEL => state.features_sel[1] = value,
            offset::DRIVER_FEATURES => {
                set_half(&mut state.driver_features, state.features_sel[1] == 1, value)
            }
            offset::QUEUE_SEL => state.selected = value as usize,
            offset::QUEUE_NUM => ring.size = value,
            offset::QUEUE_NOTIFY => state.notified(value as u16),
            offset::INTERRUPT_ACK => state.acknowledged += 1,
            offset::STATUS => state.set_status(value),
            offset::LEGACY_PAGE_SIZE if legacy => assert_eq!(value, 4096),
            offset::LEGACY_QUEUE_ALIGN if legacy => assert_eq!(value, 4096),
            offset::LEGACY_QUEUE_PFN if legacy => state.legacy_pfn(value),
            offset::QUEUE_READY if !legacy => ring.ready = value == 1,
            0x080 | 0x084 if !legacy => set_half(&mut ring.descriptors, at == 0x084, value),
            0x090 | 0x094 if !legacy => set_half(&mut ring.available, at == 0x094, value),
            0x0a0 | 0x0a4 if !legacy => set_half(&mut ring.used, at == 0x0a4, value),
            _ => panic!("write of register {at:#x}"),
        }
    }
}

/// Memory below 4 GiB, where the ring addresses of a legacy device fit.
pub(crate) fn alloc_low(bytes: usize) -> (std::ptr::NonNull<u8>, u64) {
    const MMAP: u64 = 9;
    const READ_WRITE: u64 = 3;
    const PRIVATE_ANONYMOUS_32BIT: u64 = 0x02 | 0x20 | 0x40;
    let address: u64;
    // SAFETY: mmap(2) of new memory, which is never unmapped, touches nothing else.
    unsafe {
        std::arch::asm!(
            "syscall",
            inout("rax") MMAP => address,
            in("rdi") 0u64, in("rsi") bytes, in("rdx") READ_WRITE,
            in("r10") PRIVATE_ANONYMOUS_32BIT, in("r8") -1i64, in("r9") 0u64,
            out("rcx") _, out("r11") _,
        );
    }
    assert!(address < 1 << 32, "mmap failed: {}", address as i64);
    (std::ptr::NonNull::new(address as *mut u8).unwrap(), address)
}
