//! The files of `/proc` that describe the machine.

use super::{own, settings::RELEASE};
use crate::{mm, sched, sync::Lock, time};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::arch::x86_64::__cpuid;

/// Nanoseconds of a clock tick (`USER_HZ` is 100).
const TICK: u64 = 10_000_000;

/// `/proc/version`.
pub(super) fn version(_: u64) -> Vec<u8> {
    format!("Linux version {RELEASE} (library OS) #1 uigniter\n").into_bytes()
}

/// `/proc/filesystems`.
pub(super) fn filesystems(_: u64) -> Vec<u8> {
    b"nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\toverlay\n".to_vec()
}

/// Bits behind the point of a load average, and what remains of one after five seconds, of 1, 5 and 15 minutes (`e` to the power of -5 s over that time).
const LOAD_SHIFT: u32 = 11;
const DECAYS: [u64; 3] = [1884, 2014, 2037];
/// The step in which averages decay, ns.
const LOAD_STEP: u64 = 5_000_000_000;

/// Load averages: until when, the processor time used until then, and the averages.
static LOAD: Lock<(u64, u64, [u64; 3])> = Lock::new((0, 0, [0; 3]));

/// `base` to the power of `exponent`, both as fractions of [`LOAD_SHIFT`] bits.
fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut result = 1 << LOAD_SHIFT;
    while exponent > 0 && result > 0 {
        if exponent & 1 != 0 {
            result = (result * base) >> LOAD_SHIFT;
        }
        base = (base * base) >> LOAD_SHIFT;
        exponent >>= 1;
    }
    result
}

/// Load averages as fractions of [`LOAD_SHIFT`] bits. Nothing runs while nothing is to be done, so they are made up to now when somebody asks, from the processor
/// time that was used since; threads that waited for the processor are not in it, so they reach 1 and no more.
fn load_averages() -> [u64; 3] {
    let (now, used) = (time::now().0, sched::process_cpu_time());
    let mut load = LOAD.lock();
    let (until, used_before, averages) = &mut *load;
    let steps = now.saturating_sub(*until) / LOAD_STEP;
    if steps > 0 {
        let passed = now - *until;
        let busy = used.saturating_sub(*used_before).min(passed);
        let busy = ((u128::from(busy) << LOAD_SHIFT) / u128::from(passed)) as u64;
        for (average, decay) in averages.iter_mut().zip(DECAYS) {
            let kept = power(decay, steps);
            *average = (*average * kept + busy * ((1 << LOAD_SHIFT) - kept)) >> LOAD_SHIFT;
        }
        (*until, *used_before) = (now, used);
    }
    *averages
}

/// `/proc/loadavg`.
pub(super) fn loadavg(_: u64) -> Vec<u8> {
    let mut text = String::new();
    for average in load_averages() {
        let hundredths = (average * 100 + (1 << (LOAD_SHIFT - 1))) >> LOAD_SHIFT;
        text += &format!("{}.{:02} ", hundredths / 100, hundredths % 100);
    }
    text += &format!("1/{0} {0}\n", own::thread_count().max(1));
    text.into_bytes()
}

/// `/proc/uptime`: seconds since boot, and of them idle.
pub(super) fn uptime(_: u64) -> Vec<u8> {
    let now = time::now().0;
    let idle = now.saturating_sub(sched::process_cpu_time());
    let seconds = |ns: u64| format!("{}.{:02}", ns / 1_000_000_000, ns / TICK % 100);
    format!("{} {}\n", seconds(now), seconds(idle)).into_bytes()
}

/// `/proc/stat`.
pub(super) fn stat(_: u64) -> Vec<u8> {
    let now = time::now().0;
    let busy = sched::process_cpu_time();
    let (user, idle) = (busy / TICK, now.saturating_sub(busy) / TICK);
    let times = format!("{user} 0 0 {idle} 0 0 0 0 0 0");
    let born = (time::realtime() - now) / 1_000_000_000;
    let [_, waits, preemptions] = sched::process_counters();
    let switches = waits + preemptions + 1;
    let tail =
        format!("intr 0\nctxt {switches}\nbtime {born}\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n");
    format!("cpu  {times}\ncpu0 {times}\n{tail}").into_bytes()
}

/// `/proc/vmstat`: what is counted.
pub(super) fn vmstat(_: u64) -> Vec<u8> {
    let [faults, ..] = sched::process_counters();
    let free = mm::usage().free / mm::PAGE_SIZE as u64;
    format!(
        "nr_free_pages {free}\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault {faults}\npgmajfault 0\n"
    )
    .into_bytes()
}

/// `/proc/cgroups`: no controllers.
pub(super) fn cgroups(_: u64) -> Vec<u8> {
    b"#subsys_name\thierarchy\tnum_cgroups\tenabled\n".to_vec()
}

/// `/proc/swaps`: none.
pub(super) fn swaps(_: u64) -> Vec<u8> {
    b"Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_vec()
}

/// `/proc/devices`: the numbers of what is in `/dev`.
pub(super) fn devices(_: u64) -> Vec<u8> {
    b"Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n\nBlock devices:\n".to_vec()
}

/// `/proc/interrupts`: they are not counted.
pub(super) fn interrupts(_: u64) -> Vec<u8> {
    b"           CPU0       \n".to_vec()
}

/// `/proc/meminfo`.
pub(super) fn meminfo(_: u64) -> Vec<u8> {
    let usage = mm::usage();
    let rows = [
        ("MemTotal", usage.total),
        ("MemFree", usage.free),
        ("MemAvailable", usage.free),
        ("Buffers", 0),
        ("Cached", 0),
        ("SwapCached", 0),
        ("Active", usage.resident),
        ("Inactive", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("AnonPages", usage.resident),
        ("Mapped", 0),
        ("Shmem", 0),
        ("Slab", 0),
        ("SReclaimable", 0),
        ("SUnreclaim", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("VmallocTotal", 0),
        ("CommitLimit", usage.total),
        ("Committed_AS", usage.mapped),
    ];
    let line = |(name, bytes): (&str, u64)| format!("{:<16}{:>8} kB\n", format!("{name}:"), bytes / 1024);
    let mut text: String = rows.into_iter().map(line).collect();
    text.push_str("HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n");
    text.into_bytes()
}

/// Feature flags by bit of CPUID leaf 1 EDX and ECX and leaf 7 EBX (Intel SDM volume 2, CPUID).
const EDX: [(u32, &str); 14] = [
    (0, "fpu"),
    (4, "tsc"),
    (5, "msr"),
    (6, "pae"),
    (8, "cx8"),
    (9, "apic"),
    (13, "pge"),
    (15, "cmov"),
    (19, "clflush"),
    (23, "mmx"),
    (24, "fxsr"),
    (25, "sse"),
    (26, "sse2"),
    (28, "ht"),
];
const ECX: [(u32, &str); 14] = [
    (0, "pni"),
    (1, "pclmulqdq"),
    (9, "ssse3"),
    (12, "fma"),
    (13, "cx16"),
    (19, "sse4_1"),
    (20, "sse4_2"),
    (21, "x2apic"),
    (22, "movbe"),
    (23, "popcnt"),
    (25, "aes"),
    (26, "xsave"),
    (28, "avx"),
    (30, "rdrand"),
];
const EBX7: [(u32, &str); 12] = [
    (0, "fsgsbase"),
    (3, "bmi1"),
    (5, "avx2"),
    (8, "bmi2"),
    (9, "erms"),
    (16, "avx512f"),
    (17, "avx512dq"),
    (18, "rdseed"),
    (19, "adx"),
    (29, "sha_ni"),
    (30, "avx512bw"),
    (31, "avx512vl"),
];

/// Three CPUID leaves of the brand string.
fn brand() -> String {
    let mut bytes = Vec::new();
    if __cpuid(0x8000_0000).eax >= 0x8000_0004 {
        for leaf in 0x8000_0002..=0x8000_0004 {
            let regs = __cpuid(leaf);
            for register in [regs.eax, regs.ebx, regs.ecx, regs.edx] {
                bytes.extend(register.to_le_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes)
        .trim_matches(['\0', ' '])
        .to_string()
}

/// Size of the last cache that is the processor's own (leaf 0x80000006 ECX: L2 in KiB).
fn cache_kib() -> u32 {
    if __cpuid(0x8000_0000).eax >= 0x8000_0006 {
        __cpuid(0x8000_0006).ecx >> 16
    } else {
        0
    }
}

/// `/proc/cpuinfo`: one processor.
pub(super) fn cpuinfo(_: u64) -> Vec<u8> {
    let vendor = __cpuid(0);
    let name: Vec<u8> = [vendor.ebx, vendor.edx, vendor.ecx]
        .into_iter()
        .flat_map(u32::to_le_bytes)
        .collect();
    let leaf = __cpuid(1);
    let (family, model, stepping) = signature(leaf.eax);
    let leaf7 = if vendor.eax >= 7 { __cpuid(7).ebx } else { 0 };
    let mut flags = String::new();
    for (register, names) in [(leaf.edx, &EDX[..]), (leaf.ecx, &ECX[..]), (leaf7, &EBX7[..])] {
        for (_, name) in names.iter().filter(|(bit, _)| register >> bit & 1 == 1) {
            flags.push(' ');
            flags.push_str(name);
        }
    }
    let vendor = String::from_utf8_lossy(&name);
    let mut text =
        format!("processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\n");
    text += &format!(
        "model name\t: {}\nstepping\t: {stepping}\nphysical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\n",
        brand()
    );
    let mhz = time::clock::frequency() as f64 / 1e6;
    text += &format!("cpu MHz\t\t: {mhz:.3}\ncache size\t: {} KB\n", cache_kib());
    text += &format!("cpu cores\t: 1\nfpu\t\t: yes\nflags\t\t:{flags} lm syscall nx rdtscp constant_tsc\n");
    let (sizes, line) = (__cpuid(0x8000_0008).eax, (leaf.ebx >> 8 & 255) * 8);
    text += &format!(
        "bogomips\t: {:.2}\nclflush size\t: {line}\ncache_alignment\t: {line}\naddress sizes\t: {} bits physical, {} bits virtual\n\n",
        2.0 * mhz,
        sizes & 255,
        sizes >> 8 & 255
    );
    text.into_bytes()
}

/// Family, model and stepping from leaf 1 EAX.
fn signature(eax: u32) -> (u32, u32, u32) {
    let (base, model) = (eax >> 8 & 15, eax >> 4 & 15);
    let family = if base == 15 {
        base + (eax >> 20 & 255)
    } else {
        base
    };
    let model = if matches!(base, 6 | 15) {
        model | (eax >> 12 & 0xf0)
    } else {
        model
    };
    (family, model, eax & 15)
}
