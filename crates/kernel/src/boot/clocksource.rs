//! How fast the TSC runs, and what time of day it is.
//!
//! Asked in this order: the hypervisor's timing leaf (0x40000010, which our monitor fills in), the processor's own leaf 0x15, the paravirtual
//! clock (Linux's `Documentation/virt/kvm/x86/msr.rst`), and at last a count against the local APIC's timer, which runs at 1 GHz in KVM and QEMU.

use crate::{
    arch::{cpu, lapic, trap},
    drivers::port,
    mm::dma,
    time::clock,
};

const MSR_KVM_WALL_CLOCK_NEW: u32 = 0x4b56_4d00;
const MSR_KVM_SYSTEM_TIME_NEW: u32 = 0x4b56_4d01;
const NANOS: u64 = 1_000_000_000;

/// Starts the clock.
pub(super) fn init() {
    let kvm = KvmClock::read();
    let hz = timing_leaf()
        .or_else(tsc_leaf)
        .or(kvm.as_ref().map(|kvm| kvm.tsc_hz))
        .unwrap_or_else(calibrate);
    let realtime = kvm.map_or_else(rtc, |kvm| kvm.realtime);
    clock::start(hz, realtime);
    crate::verbose!("the TSC runs at {} MHz", hz / 1_000_000);
}

fn hypervisor_leaves() -> Option<(u32, bool)> {
    if cpu::cpuid(1, 0).ecx >> 31 == 0 {
        return None;
    }
    let signature = cpu::cpuid(0x4000_0000, 0);
    // "KVMKVMKVM"
    let kvm = (signature.ebx, signature.ecx, signature.edx) == (0x4b4d_564b, 0x564b_4d56, 0x4d);
    Some((signature.eax, kvm))
}

fn timing_leaf() -> Option<u64> {
    let (last, _) = hypervisor_leaves()?;
    if last < 0x4000_0010 {
        return None;
    }
    Some(u64::from(cpu::cpuid(0x4000_0010, 0).eax) * 1000).filter(|&hz| hz > 100_000_000)
}

fn tsc_leaf() -> Option<u64> {
    if cpu::cpuid(0, 0).eax < 0x15 {
        return None;
    }
    let leaf = cpu::cpuid(0x15, 0);
    if leaf.eax == 0 || leaf.ebx == 0 || leaf.ecx == 0 {
        return None;
    }
    Some(u64::from(leaf.ecx) * u64::from(leaf.ebx) / u64::from(leaf.eax))
}

struct KvmClock {
    tsc_hz: u64,
    realtime: u64,
}

impl KvmClock {
    fn read() -> Option<Self> {
        let (last, kvm) = hypervisor_leaves()?;
        // KVM_FEATURE_CLOCKSOURCE2
        if !kvm || last < 0x4000_0001 || cpu::cpuid(0x4000_0001, 0).eax & 1 << 3 == 0 {
            return None;
        }
        let (page, physical) = dma::alloc(4096);
        let word = |index: usize| {
            // SAFETY: the page is ours; the host writes it, so it is read as volatile.
            unsafe { page.as_ptr().cast::<u32>().add(index).read_volatile() }
        };
        trap::write_clock_msr(MSR_KVM_SYSTEM_TIME_NEW, physical | 1);
        trap::write_clock_msr(MSR_KVM_WALL_CLOCK_NEW, physical + 64);
        let long = |index| u64::from(word(index + 1)) << 32 | u64::from(word(index));
        // struct pvclock_vcpu_time_info: version, pad, tsc_timestamp, system_time, tsc_to_system_mul, tsc_shift, flags.
        let (timestamp, system_time, multiplier, shift) = (long(2), long(4), word(6), word(7) as u8 as i8);
        trap::write_clock_msr(MSR_KVM_SYSTEM_TIME_NEW, 0);
        // struct pvclock_wall_clock: version, sec, nsec.
        let wall = u64::from(word(17)) * NANOS + u64::from(word(18));
        if multiplier == 0 || wall == 0 {
            return None;
        }
        let scale = |ticks: u64| {
            let shifted = if shift < 0 {
                u128::from(ticks) >> -shift
            } else {
                u128::from(ticks) << shift
            };
            ((shifted * u128::from(multiplier)) >> 32) as u64
        };
        let hz = (u128::from(NANOS) << 32) / u128::from(multiplier);
        let tsc_hz = if shift < 0 { hz << -shift } else { hz >> shift } as u64;
        let since = cpu::rdtsc().wrapping_sub(timestamp);
        // A counter that the host offsets behind the guest's back gives nonsense here; the wall clock alone is then right to a second or so of uptime.
        let system = system_time + if since < tsc_hz { scale(since) } else { 0 };
        Some(Self {
            tsc_hz,
            realtime: wall + system,
        })
    }
}

/// Counts the TSC against a millisecond of the local APIC's timer.
fn calibrate() -> u64 {
    lapic::start_count();
    let start = cpu::rdtsc();
    while cpu::rdtsc() - start < 2_000_000 {}
    let nanos = u64::from(lapic::stop_count()).max(1);
    let ticks = cpu::rdtsc() - start;
    (u128::from(ticks) * u128::from(NANOS) / u128::from(nanos)) as u64
}

/// The time of day from the CMOS clock (MC146818), in nanoseconds since the epoch; 0 where there is none.
fn rtc() -> u64 {
    let register = |index: u8| {
        port::write_u8(0x70, index);
        port::read_u8(0x71)
    };
    let read = || [0, 2, 4, 7, 8, 9].map(register);
    let mut now = read();
    // Until two readings agree, none fell into an update; bounded, as an absent device reads the same at once.
    for _ in 0..100 {
        let again = read();
        if again == now {
            break;
        }
        now = again;
    }
    let status = register(0xb);
    let binary = |value: u8| {
        if status & 4 == 0 {
            u64::from(value >> 4) * 10 + u64::from(value & 15)
        } else {
            u64::from(value)
        }
    };
    let [second, minute, hour, day, month, year] = now.map(binary);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return 0;
    }
    // Days from the epoch, by the civil calendar with years that begin in March.
    let year = 2000 + year - u64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    (((days * 24 + hour) * 60 + minute) * 60 + second) * NANOS
}
