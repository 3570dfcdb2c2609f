//! What the monitor says at boot: where memory is, the command line, where ACPI's tables are.
//!
//! By PVH it is `hvm_start_info` (Xen's `xen/include/public/arch-x86/hvm/start_info.h`), by the Linux entry `boot_params` (Linux's
//! `Documentation/arch/x86/zero-page.rst`). Both are read as bytes.

use alloc::{string::String, vec::Vec};

/// Everything that boot needs to know of the machine.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// The kernel command line.
    pub command_line: String,
    /// Usable memory: guest-physical start and end.
    pub memory: Vec<(u64, u64)>,
    /// ACPI's root pointer.
    pub rsdp: Option<u64>,
    /// The initial RAM disk: guest-physical start and end, whole pages.
    pub initrd: Option<(u64, u64)>,
}

/// Longest command line that is read.
const COMMAND_LINE_MAX: usize = 64 << 10;

/// Most memory ranges that are read.
const RANGES_MAX: usize = 128;

/// Reads guest-physical memory.
pub trait Physical {
    /// Copies from `address` on; beyond the end of memory it gives what the machine gives.
    fn read(&self, address: u64, buffer: &mut [u8]);

    /// A little-endian integer of up to eight bytes.
    fn integer(&self, address: u64, size: usize) -> u64 {
        let mut bytes = [0; 8];
        self.read(address, &mut bytes[..size]);
        u64::from_le_bytes(bytes)
    }
}

fn command_line(memory: &dyn Physical, address: u64) -> String {
    let mut bytes = Vec::new();
    while address != 0 && bytes.len() < COMMAND_LINE_MAX {
        match memory.integer(address + bytes.len() as u64, 1) as u8 {
            0 => break,
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Reads a table of `count` memory ranges (start, size, type; type 1 is usable), `stride` bytes each.
fn ranges(memory: &dyn Physical, table: u64, count: u64, stride: u64) -> Vec<(u64, u64)> {
    (0..count.min(RANGES_MAX as u64))
        .map(|index| table + index * stride)
        .filter(|&at| memory.integer(at + 16, 4) == 1)
        .map(|at| {
            let start = memory.integer(at, 8);
            (start, start.saturating_add(memory.integer(at + 8, 8)))
        })
        .collect()
}

/// A RAM disk of so many bytes, up to the end of its last page; `None` where there is none, or none that a page could begin.
fn initrd(start: u64, bytes: u64) -> Option<(u64, u64)> {
    let end = start.checked_add(bytes)?.checked_next_multiple_of(4096)?;
    (start != 0 && bytes != 0 && start.is_multiple_of(4096)).then_some((start, end))
}

impl Platform {
    /// Reads `hvm_start_info`, version 1.
    #[must_use]
    pub fn from_pvh(memory: &dyn Physical, info: u64) -> Self {
        let (table, count) = (memory.integer(info + 40, 8), memory.integer(info + 48, 4));
        // The first module, if there is one.
        let module = memory.integer(info + 16, 8);
        let modules = memory.integer(info + 12, 4);
        Self {
            command_line: command_line(memory, memory.integer(info + 24, 8)),
            memory: ranges(memory, table, count, 24),
            rsdp: Some(memory.integer(info + 32, 8)).filter(|&at| at != 0),
            initrd: (modules != 0)
                .then(|| initrd(memory.integer(module, 8), memory.integer(module + 8, 8)))
                .flatten(),
        }
    }

    /// Reads `boot_params`.
    #[must_use]
    pub fn from_linux(memory: &dyn Physical, params: u64) -> Self {
        // The halves of what outgrew 32 bits: in the setup header, and in the zero page.
        let halves =
            |low: u64, high: u64| memory.integer(params + low, 4) | memory.integer(params + high, 4) << 32;
        Self {
            command_line: command_line(memory, halves(0x228, 0xc8)),
            memory: ranges(memory, params + 0x2d0, memory.integer(params + 0x1e8, 1), 20),
            rsdp: Some(memory.integer(params + 0x70, 8)).filter(|&at| at != 0),
            initrd: initrd(halves(0x218, 0xc0), halves(0x21c, 0xc4)),
        }
    }

    /// Usable memory but for `reserved` (start and end, in order), in whole pages, below `limit`.
    #[must_use]
    pub fn usable(&self, reserved: &[(u64, u64)], limit: u64) -> Vec<(u64, u64)> {
        let mut out = Vec::new();
        for &(start, end) in &self.memory {
            let (mut at, end) = (start.next_multiple_of(4096), end.min(limit) & !4095);
            for &(hole_start, hole_end) in reserved {
                if hole_end <= at || hole_start >= end {
                    continue;
                }
                if hole_start > at {
                    out.push((at, hole_start & !4095));
                }
                at = at.max(hole_end.next_multiple_of(4096));
            }
            if at < end {
                out.push((at, end));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes(Vec<u8>);

    impl Bytes {
        fn put(&mut self, at: usize, bytes: &[u8]) {
            self.0[at..at + bytes.len()].copy_from_slice(bytes);
        }
    }

    impl Physical for Bytes {
        fn read(&self, address: u64, buffer: &mut [u8]) {
            for (index, byte) in buffer.iter_mut().enumerate() {
                *byte = self.0.get(address as usize + index).copied().unwrap_or(0xff);
            }
        }
    }

    #[test]
    fn both_protocols_say_the_same() {
        let mut memory = Bytes(vec![0; 0x4000]);
        memory.put(0x3000, b"hello world\0");
        memory.put(0x1000 + 24, &0x3000u64.to_le_bytes());
        memory.put(0x1000 + 32, &0xe0000u64.to_le_bytes());
        memory.put(0x1000 + 40, &0x2000u64.to_le_bytes());
        memory.put(0x1000 + 48, &2u32.to_le_bytes());
        memory.put(0x228, &0x3000u32.to_le_bytes());
        memory.put(0x70, &0xe0000u64.to_le_bytes());
        memory.put(0x1e8, &[2]);
        memory.put(0x1000 + 12, &1u32.to_le_bytes());
        memory.put(0x1000 + 16, &0x2800u64.to_le_bytes());
        memory.put(0x2800, &0x7000u64.to_le_bytes());
        memory.put(0x2808, &5000u64.to_le_bytes());
        memory.put(0x218, &0x7000u32.to_le_bytes());
        memory.put(0x21c, &5000u32.to_le_bytes());
        for (index, (start, size, kind)) in [(0u64, 0x9_fc00u64, 1u32), (0xf_0000, 0x1_0000, 2)]
            .into_iter()
            .enumerate()
        {
            for at in [0x2000 + index * 24, 0x2d0 + index * 20] {
                memory.put(at, &start.to_le_bytes());
                memory.put(at + 8, &size.to_le_bytes());
                memory.put(at + 16, &kind.to_le_bytes());
            }
        }
        let expected = Platform {
            command_line: "hello world".into(),
            memory: vec![(0, 0x9_fc00)],
            rsdp: Some(0xe_0000),
            initrd: Some((0x7000, 0x9000)),
        };
        assert_eq!(Platform::from_pvh(&memory, 0x1000), expected);
        assert_eq!(Platform::from_linux(&memory, 0), expected);
    }

    #[test]
    fn a_ram_disk_begins_at_a_page_and_ends_in_memory() {
        assert_eq!(initrd(0x1000, 1), Some((0x1000, 0x2000)));
        for (start, bytes) in [(0, 1), (0x1000, 0), (0x1234, 1), (0x1000, u64::MAX)] {
            assert_eq!(initrd(start, bytes), None, "{start:#x}, {bytes}");
        }
    }

    #[test]
    fn what_is_reserved_is_cut_out() {
        let platform = Platform {
            memory: vec![(0, 0x9_fc00), (0x10_0000, 0x80_0000)],
            ..Platform::default()
        };
        let reserved = [(0, 0x11_0000), (0x20_0000, 0x30_1234), (0x40_0000, 0x50_0000)];
        let expected = [
            (0x11_0000, 0x20_0000),
            (0x30_2000, 0x40_0000),
            (0x50_0000, 0x70_0000),
        ];
        assert_eq!(platform.usable(&reserved, 0x70_0000), expected);
    }
}
