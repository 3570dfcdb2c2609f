//! What `cpuid` answers: the host's supported set, made to fit this guest's CPUs, and the frequencies.
//!
//! References: Intel SDM volume 2A, "CPUID"; AMD APM volume 3, appendix E; leaf 0x4000_0010 is VMware's "timing information" leaf, which
//! kernels read on any hypervisor: TSC and local APIC frequency without calibrating.

use kvm_bindings::{CpuId, KVM_CPUID_FLAG_SIGNIFCANT_INDEX, kvm_cpuid_entry2};

/// First leaf of the hypervisor range; EBX, ECX, EDX are KVM's signature.
const HYPERVISOR: u32 = 0x4000_0000;
/// Timing information: EAX is the TSC frequency in kHz, EBX the local APIC timer's in kHz.
pub(crate) const TIMING: u32 = 0x4000_0010;
/// KVM's local APIC timer counts nanoseconds: 1 GHz.
const LAPIC_KHZ: u32 = 1_000_000;

/// Leaf 1, ECX: TSC deadline mode of the local APIC timer.
const TSC_DEADLINE: u32 = 1 << 24;
/// Leaf 1, ECX: runs under a hypervisor.
const UNDER_HYPERVISOR: u32 = 1 << 31;
/// Leaf 1, EDX: the count of logical processors in EBX is valid.
const HTT: u32 = 1 << 28;

/// Place of one CPU among its siblings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Topology {
    /// This CPU's number, which is its APIC id.
    pub(crate) id: u8,
    /// Number of CPUs.
    pub(crate) vcpus: u8,
    /// 1 or 2.
    pub(crate) threads_per_core: u8,
}

impl Topology {
    fn cores(self) -> u8 {
        self.vcpus.div_ceil(self.threads_per_core)
    }

    fn thread_bits(self) -> u32 {
        u32::from(self.threads_per_core).next_power_of_two().ilog2()
    }

    fn package_bits(self) -> u32 {
        u32::from(self.vcpus).next_power_of_two().ilog2()
    }
}

/// The table for one CPU; `tsc_khz` is 0 where the host does not know.
pub(crate) fn build(supported: &CpuId, topology: Topology, tsc_khz: u32) -> CpuId {
    let mut entries: Vec<_> = supported
        .as_slice()
        .iter()
        .filter(|entry| !matches!(entry.function, 0xb | 0x1f | TIMING))
        .copied()
        .collect();
    for entry in &mut entries {
        adapt(entry, topology);
    }
    entries.extend(extended_topology(topology));
    if tsc_khz != 0 && entries.iter().any(|entry| entry.function == HYPERVISOR) {
        entries.push(kvm_cpuid_entry2 {
            function: TIMING,
            eax: tsc_khz,
            ebx: LAPIC_KHZ,
            ..Default::default()
        });
    }
    // Only more than 256 entries fail, which KVM's own limit on the supported set keeps far away.
    CpuId::from_entries(&entries).unwrap_or_else(|_| supported.clone())
}

fn adapt(entry: &mut kvm_cpuid_entry2, topology: Topology) {
    let vcpus = u32::from(topology.vcpus);
    let id = u32::from(topology.id);
    match entry.function {
        1 => {
            // APIC id in bits 31-24, logical processors in bits 23-16.
            entry.ebx = (entry.ebx & 0xffff) | (id << 24) | (vcpus << 16);
            entry.ecx |= UNDER_HYPERVISOR | TSC_DEADLINE;
            entry.edx = (entry.edx & !HTT) | if vcpus > 1 { HTT } else { 0 };
        }
        // Deterministic cache parameters, Intel and AMD: sharing in bits 25-14, cores in bits 31-26 (Intel).
        4 | 0x8000_001d if entry.eax & 0x1f != 0 => {
            let level = (entry.eax >> 5) & 7;
            let sharing = if level == 3 {
                vcpus
            } else {
                u32::from(topology.threads_per_core).min(vcpus)
            };
            entry.eax = (entry.eax & 0x3fff) | ((sharing - 1) << 14);
            if entry.function == 4 {
                entry.eax |= u32::from(topology.cores() - 1) << 26;
            }
        }
        HYPERVISOR => entry.eax = entry.eax.max(TIMING),
        // Size identifiers: threads minus one in bits 7-0, bits of the APIC id in bits 15-12.
        0x8000_0008 => entry.ecx = (vcpus - 1) | (topology.package_bits() << 12),
        // AMD: extended APIC id; core id with threads per core; node id.
        0x8000_001e => {
            let threads = u32::from(topology.threads_per_core);
            entry.eax = id;
            entry.ebx = (id / threads) | ((threads - 1) << 8);
            entry.ecx = 0;
        }
        _ => {}
    }
}

/// Leaf 0xb: threads, then cores; level types 1 and 2.
fn extended_topology(topology: Topology) -> [kvm_cpuid_entry2; 3] {
    let vcpus = u32::from(topology.vcpus);
    let threads = u32::from(topology.threads_per_core).min(vcpus);
    let level = |index, shift, count, kind: u32| kvm_cpuid_entry2 {
        function: 0xb,
        index,
        flags: KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
        eax: shift,
        ebx: count,
        ecx: kind << 8 | index,
        edx: u32::from(topology.id),
        ..Default::default()
    };
    [
        level(0, topology.thread_bits(), threads, 1),
        level(1, topology.package_bits(), vcpus, 2),
        level(2, 0, 0, 0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn supported() -> CpuId {
        let leaf = |function, eax| kvm_cpuid_entry2 {
            function,
            eax,
            ..Default::default()
        };
        CpuId::from_entries(&[leaf(1, 0), leaf(0xb, 7), leaf(HYPERVISOR, 0x4000_0001)]).unwrap()
    }

    fn find(cpuid: &CpuId, function: u32, index: u32) -> kvm_cpuid_entry2 {
        *cpuid
            .as_slice()
            .iter()
            .find(|entry| (entry.function, entry.index) == (function, index))
            .unwrap()
    }

    #[test]
    fn frequencies_are_told_within_the_hypervisor_range() {
        let topology = Topology {
            id: 0,
            vcpus: 1,
            threads_per_core: 1,
        };
        let cpuid = build(&supported(), topology, 2_596_120);
        let timing = find(&cpuid, TIMING, 0);
        assert_eq!((timing.eax, timing.ebx), (2_596_120, 1_000_000));
        assert!(find(&cpuid, HYPERVISOR, 0).eax >= TIMING);
    }

    #[test]
    fn each_cpu_sees_its_own_id() {
        for id in 0..4 {
            let topology = Topology {
                id,
                vcpus: 4,
                threads_per_core: 2,
            };
            let cpuid = build(&supported(), topology, 0);
            assert_eq!(find(&cpuid, 1, 0).ebx >> 16, u32::from(id) << 8 | 4);
            assert_eq!(find(&cpuid, 0xb, 0).edx, u32::from(id));
            assert_eq!((find(&cpuid, 0xb, 0).eax, find(&cpuid, 0xb, 0).ebx), (1, 2));
            assert_eq!((find(&cpuid, 0xb, 1).eax, find(&cpuid, 0xb, 1).ebx), (2, 4));
        }
    }
}
