//! As much of ACPI (6.5) as finding devices takes: the tables that list the I/O APICs and hold the device descriptions.
//!
//! Everything read here was written by somebody else; a table that does not fit its own header is left out, and nothing panics.

mod aml;

pub use aml::virtio_devices;

use alloc::{vec, vec::Vec};

/// The machine's physical memory, as far as tables may lie in it.
pub trait PhysicalMemory {
    /// Fills `buffer` from a guest-physical address; false if not all of it can be read.
    fn read(&self, address: u64, buffer: &mut [u8]) -> bool;
}

/// An I/O APIC of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoApic {
    /// Guest-physical address of its registers.
    pub address: u64,
    /// Global system interrupt of its first pin.
    pub first_gsi: u32,
}

const HEADER: usize = 36;
/// No monitor's table is near this size.
const MAX_TABLE: usize = 1 << 20;
const MAX_TABLES: usize = 64;
/// Where firmware leaves the root pointer (ACPI 6.5, 5.2.5.1).
const BIOS_AREA: core::ops::Range<u64> = 0xe_0000..0x10_0000;
const RSDP_SIGNATURE: &[u8] = b"RSD PTR ";

/// The tables behind a root pointer.
#[derive(Debug)]
pub struct Tables {
    tables: Vec<Vec<u8>>,
}

impl Tables {
    /// Reads the tables that the root system description pointer at `rsdp` leads to; without one, looks for it where firmware leaves it.
    ///
    /// `None` if there is no sound root table.
    #[must_use]
    pub fn read(memory: &dyn PhysicalMemory, rsdp: Option<u64>) -> Option<Self> {
        let root = read_root(memory, rsdp.or_else(|| find_rsdp(memory))?)?;
        // The extended table has 64-bit entries (ACPI 6.5, 5.2.8).
        let width = if root.starts_with(b"XSDT") { 8 } else { 4 };
        let addresses = root[HEADER..]
            .chunks_exact(width)
            .take(MAX_TABLES)
            .map(|entry| unsigned(entry, 0, width));
        Some(Self {
            tables: addresses
                .filter_map(|address| read_table(memory, address?))
                .collect(),
        })
    }

    fn find(&self, signature: &[u8]) -> Option<&[u8]> {
        self.tables
            .iter()
            .find(|table| table.starts_with(signature))
            .map(Vec::as_slice)
    }

    /// The I/O APICs (ACPI 6.5, 5.2.12.3).
    #[must_use]
    pub fn io_apics(&self) -> Vec<IoApic> {
        const IO_APIC: u8 = 1;
        let mut found = Vec::new();
        let mut rest = self
            .find(b"APIC")
            .and_then(|table| table.get(HEADER + 8..))
            .unwrap_or(&[]);
        while let [kind, len, ..] = *rest
            && len >= 2
            && let Some((entry, next)) = rest.split_at_checked(usize::from(len))
        {
            if let (IO_APIC, Some(address), Some(first_gsi)) =
                (kind, unsigned(entry, 4, 4), unsigned(entry, 8, 4))
            {
                found.push(IoApic {
                    address,
                    first_gsi: first_gsi as u32,
                });
            }
            rest = next;
        }
        found
    }

    /// The definition block with the devices (AML), behind the fixed description table (ACPI 6.5, 5.2.9).
    #[must_use]
    pub fn definition_block(&self, memory: &dyn PhysicalMemory) -> Option<Vec<u8>> {
        let fixed = self.find(b"FACP")?;
        let extended = unsigned(fixed, 140, 8).filter(|&address| address != 0);
        let table = read_table(memory, extended.or_else(|| unsigned(fixed, 40, 4))?)?;
        table.starts_with(b"DSDT").then(|| table[HEADER..].to_vec())
    }
}

/// A little-endian number of `width` bytes (at most eight) at an offset.
fn unsigned(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(width)?)?;
    Some(
        field
            .iter()
            .rev()
            .fold(0, |value, &byte| value << 8 | u64::from(byte)),
    )
}

fn sums_to_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0u8, |sum, &byte| sum.wrapping_add(byte)) == 0
}

/// A table with a sound header, whole.
fn read_table(memory: &dyn PhysicalMemory, address: u64) -> Option<Vec<u8>> {
    let mut header = [0; HEADER];
    if address == 0 || !memory.read(address, &mut header) {
        return None;
    }
    let len = unsigned(&header, 4, 4).and_then(|len| usize::try_from(len).ok())?;
    if !(HEADER..=MAX_TABLE).contains(&len) {
        return None;
    }
    let mut table = vec![0; len];
    (memory.read(address, &mut table) && sums_to_zero(&table)).then_some(table)
}

fn read_root(memory: &dyn PhysicalMemory, rsdp: u64) -> Option<Vec<u8>> {
    // Revision 0 has 20 bytes, later ones 36 (ACPI 6.5, 5.2.5.3).
    let mut pointer = [0; 36];
    if !memory.read(rsdp, &mut pointer[..20])
        || !pointer.starts_with(RSDP_SIGNATURE)
        || !sums_to_zero(&pointer[..20])
    {
        return None;
    }
    let extended = (pointer[15] >= 2 && memory.read(rsdp, &mut pointer))
        .then(|| unsigned(&pointer, 24, 8))
        .flatten()
        .and_then(|address| read_table(memory, address))
        .filter(|table| table.starts_with(b"XSDT"));
    extended
        .or_else(|| read_table(memory, unsigned(&pointer, 16, 4)?).filter(|table| table.starts_with(b"RSDT")))
}

fn find_rsdp(memory: &dyn PhysicalMemory) -> Option<u64> {
    const CHUNK: usize = 4096;
    let mut chunk = [0; CHUNK];
    for start in BIOS_AREA.step_by(CHUNK) {
        // A hole reads as ones, at the price of an exit for each word: do not walk through all of it.
        if !memory.read(start, &mut chunk) || chunk.iter().all(|&byte| byte == 0xff) {
            return None;
        }
        if let Some(paragraph) = chunk
            .chunks(16)
            .position(|paragraph| paragraph.starts_with(RSDP_SIGNATURE))
        {
            return Some(start + 16 * paragraph as u64);
        }
    }
    None
}

#[cfg(test)]
mod tests;
