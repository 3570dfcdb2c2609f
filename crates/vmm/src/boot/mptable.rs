//! The MP table (Intel MultiProcessor Specification 1.4, chapter 4): tells Linux of CPUs and of the I/O APIC.
//!
//! It lies at the start of the EBDA region where kernels look for `_MP_`. A kernel that gets its devices from the
//! command line and uses interrupt line N as I/O APIC pin N needs none of it.

use vm_memory::{Bytes, GuestAddress};

use super::{Error, layout};
use crate::memory::GuestMemory;

/// Version field: 1.4.
const SPECIFICATION: u8 = 4;
/// Version register of KVM's local APIC and I/O APIC.
const APIC_VERSION: u8 = 0x14;
/// Most CPUs for which the table has room; KVM's I/O APIC id is the next one.
pub(crate) const CPUS_MAX: u8 = 32;

/// Writes floating pointer and table for `vcpus` CPUs.
pub(super) fn write(memory: &GuestMemory, vcpus: u8) -> Result<(), Error> {
    let table = layout::EBDA + 16;
    let mut pointer = *b"_MP_\0\0\0\0\x01\0\0\0\0\0\0\0";
    pointer[4..8].copy_from_slice(&(table as u32).to_le_bytes());
    pointer[9] = SPECIFICATION;
    pointer[10] = checksum(&pointer);
    let bytes = build(vcpus.min(CPUS_MAX));
    debug_assert!(table + bytes.len() as u64 <= layout::EBDA_END);
    memory.write_slice(&pointer, GuestAddress(layout::EBDA))?;
    memory.write_slice(&bytes, GuestAddress(table))?;
    Ok(())
}

fn build(vcpus: u8) -> Vec<u8> {
    let mut entries: Vec<u8> = Vec::with_capacity(1024);
    let mut count: u16 = 0;
    let mut push = |bytes: &[u8]| {
        entries.extend_from_slice(bytes);
        count += 1;
    };
    let ioapic_id = vcpus;
    for id in 0..vcpus {
        // Processor: enabled (bit 0), the first boots (bit 1); signature of a family 6 CPU, features FPU and APIC.
        let flags = 1 | (u8::from(id == 0) << 1);
        push(&[
            0,
            id,
            APIC_VERSION,
            flags,
            0,
            6,
            0,
            0,
            0x01,
            0x02,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ]);
    }
    push(b"\x01\x00ISA   ");
    let [a, b, c, d] = layout::IOAPIC.to_le_bytes();
    push(&[2, ioapic_id, APIC_VERSION, 1, a, b, c, d]);
    for line in 0..layout::IOAPIC_LINES as u8 {
        // I/O interrupt: vectored, polarity and trigger as the bus has it, ISA line N to pin N.
        push(&[3, 0, 0, 0, 0, line, ioapic_id, line]);
    }
    // Local interrupts: external (the 8259) to LINT0, NMI to LINT1, on every CPU.
    push(&[4, 3, 0, 0, 0, 0, 0xff, 0]);
    push(&[4, 1, 0, 0, 0, 0, 0xff, 1]);

    let mut header = *b"PCMP\0\0\x04\0UIGNITERUIGNITER    \0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let length = (header.len() + entries.len()) as u16;
    header[4..6].copy_from_slice(&length.to_le_bytes());
    header[34..36].copy_from_slice(&count.to_le_bytes());
    header[36..40].copy_from_slice(&layout::LOCAL_APIC.to_le_bytes());
    let mut table = header.to_vec();
    table.append(&mut entries);
    table[7] = checksum(&table);
    table
}

/// The byte that makes the sum zero.
fn checksum(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .fold(0u8, |sum, byte| sum.wrapping_add(*byte))
        .wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn section_4_2_header_length_count_and_checksum() {
        for vcpus in 1..=CPUS_MAX {
            let table = build(vcpus);
            assert_eq!(checksum(&table), 0, "the bytes sum to zero");
            assert_eq!(usize::from(u16::from_le_bytes([table[4], table[5]])), table.len());
            let entries = u16::from_le_bytes([table[34], table[35]]);
            assert_eq!(entries, u16::from(vcpus) + 2 + 24 + 2);
            assert!(
                layout::EBDA + 16 + table.len() as u64 <= layout::EBDA_END,
                "{vcpus} CPUs fit"
            );
        }
    }
}
