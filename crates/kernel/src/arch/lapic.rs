//! The local APIC's timer and the IOAPIC, through their memory windows (Intel SDM volume 3, chapter 11; 82093AA data sheet).
//!
//! The xAPIC window and not the x2APIC registers: ring 3 can write it without a service call, and QEMU's TCG has no other.

use super::{
    interrupt::{FIRST_VECTOR, TIMER_BIT},
    layout, percpu,
};
use crate::{sync::Lock, time::Instant};
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

const SPURIOUS: u64 = 0xf0;
const LVT_TIMER: u64 = 0x320;
const INITIAL_COUNT: u64 = 0x380;
const CURRENT_COUNT: u64 = 0x390;
const DIVIDE: u64 = 0x3e0;

/// KVM and QEMU both run the APIC's bus at 1 GHz, so with divisor 1 a tick is a nanosecond.
const MAX_COUNT: u64 = u32::MAX as u64;

/// The IOAPICs: address and first global system interrupt.
static IO_APICS: Lock<Vec<(u64, u32)>> = Lock::new(Vec::new());

/// Where the one IOAPIC is when nobody says.
const CUSTOMARY: (u64, u32) = (0xfec0_0000, 0);

fn write(register: u64, value: u32) {
    // SAFETY: the register is in the APIC's window, which the linear map covers, uncached.
    unsafe { (layout::linear(layout::LAPIC + register) as *mut u32).write_volatile(value) };
}

fn read(register: u64) -> u32 {
    // SAFETY: as in `write`.
    unsafe { (layout::linear(layout::LAPIC + register) as *const u32).read_volatile() }
}

/// Switches the local APIC and its timer (one-shot) on.
pub fn init() {
    write(SPURIOUS, 0x1ff);
    write(LVT_TIMER, u32::from(FIRST_VECTOR) + TIMER_BIT);
    write(DIVIDE, 0b1011);
}

/// Ticks of the timer since it was started with the largest count, for calibration.
pub fn start_count() {
    write(INITIAL_COUNT, u32::MAX);
}

/// See [`start_count`]; stops the timer.
pub fn stop_count() -> u32 {
    let left = read(CURRENT_COUNT);
    write(INITIAL_COUNT, 0);
    u32::MAX - left
}

/// Asks for an interrupt at `deadline` or earlier. Costs nothing when an earlier or equal one is on its way already.
pub fn arm(deadline: Instant, now: Instant) {
    let armed = &percpu::this().armed;
    if armed.load(Ordering::Relaxed) <= deadline.0 {
        return;
    }
    let ticks = deadline.0.saturating_sub(now.0).clamp(1000, MAX_COUNT);
    armed.store(now.0 + ticks, Ordering::Relaxed);
    write(INITIAL_COUNT, ticks as u32);
}

/// The timer's interrupt came: it is armed no more.
pub(super) fn fired() {
    percpu::this().armed.store(u64::MAX, Ordering::Relaxed);
}

/// Says where an IOAPIC is, and which global system interrupt is its first.
pub fn add_io_apic(physical: u64, first_gsi: u32) {
    IO_APICS.lock().push((physical, first_gsi));
}

/// Sends a global system interrupt to that vector of the one processor, edge-triggered, active high.
pub(super) fn open_gsi(gsi: u32, vector: u8) {
    let nearest = IO_APICS
        .lock()
        .iter()
        .copied()
        .filter(|&(_, first)| first <= gsi)
        .max_by_key(|&(_, first)| first);
    let (physical, first) = nearest.unwrap_or(CUSTOMARY);
    let base = layout::linear(physical);
    let entry = 0x10 + 2 * (gsi - first);
    for (index, value) in [(entry + 1, 0), (entry, u32::from(vector))] {
        // SAFETY: IOREGSEL and IOWIN are in the IOAPIC's window, which the linear map covers, uncached.
        unsafe {
            (base as *mut u32).write_volatile(index);
            ((base + 0x10) as *mut u32).write_volatile(value);
        }
    }
}
