//! What lies where, and kernels that lie.

use std::io::Write;

use vm_memory::{Bytes, GuestAddress};
use vmm_sys_util::tempfile::TempFile;

use super::*;
use crate::devices::virtio::testing::Random;

fn file(content: &[u8]) -> File {
    let mut file = TempFile::new().unwrap().into_file();
    file.write_all(content).unwrap();
    file
}

#[test]
fn the_memory_map_has_all_memory_and_no_more() {
    for bytes in [8 << 20, 3 << 30, (3 << 30) + (1 << 20), 6u64 << 30] {
        let map = memory_map(bytes);
        let ram: u64 = map
            .iter()
            .filter(|range| range.is_ram)
            .map(|range| range.length)
            .sum();
        assert_eq!(ram, bytes - (layout::HIGH_MEMORY - layout::EBDA));
        let mut end = 0;
        for range in &map {
            assert!(range.start >= end, "in order, without overlap: {map:x?}");
            end = range.start + range.length;
            assert!(!range.is_ram || end <= layout::HOLE_START || range.start >= layout::HOLE_END);
        }
    }
}

#[test]
fn the_start_info_leads_to_command_line_and_initrd() {
    let memory = memory::map(16 << 20, false).unwrap();
    let kernel = Kernel {
        entry: Entry::Pvh(0x10_0000),
        end: 0x20_0000,
    };
    let initrd = file(b"initrd of nineteen.");
    write(&memory, 16 << 20, kernel, "hello world", Some(&initrd), 2).unwrap();
    let word = |at: u64| memory.read_obj::<u64>(GuestAddress(at)).unwrap();
    let text = |at: u64, length| {
        let mut bytes = vec![0; length];
        memory.read_slice(&mut bytes, GuestAddress(at)).unwrap();
        bytes
    };
    assert_eq!(word(layout::PVH_INFO) as u32, 0x336e_c578);
    assert_eq!(text(word(layout::PVH_INFO + 24), 12), b"hello world\0");
    let module = word(layout::PVH_INFO + 16);
    assert_eq!(text(word(module), 19), b"initrd of nineteen.");
    assert_eq!(word(module + 8), 19);
}

#[test]
fn lines_and_initrds_that_do_not_fit_are_refused() {
    let memory = memory::map(8 << 20, false).unwrap();
    let kernel = Kernel {
        entry: Entry::Linux(0x10_0000),
        end: 0x70_0000,
    };
    let long = "x".repeat(layout::COMMAND_LINE_MAX);
    let try_line = |line: &str| write(&memory, 8 << 20, kernel, line, None, 1);
    assert!(matches!(try_line(&long), Err(Error::CommandLine(_))));
    assert!(matches!(try_line("a\0b"), Err(Error::CommandLineZero)));
    assert!(try_line(&long[1..]).is_ok());
    let initrd = file(&vec![1; 2 << 20]);
    let result = write(&memory, 8 << 20, kernel, "", Some(&initrd), 1);
    assert!(matches!(result, Err(Error::Initrd(_))));
}

#[test]
fn kernels_of_random_bytes_never_panic() {
    let memory = memory::map(8 << 20, false).unwrap();
    let mut random = Random::new(46);
    let mut loaded = 0;
    for _ in 0..5000 {
        let mut elf = vec![0; 400];
        elf[..20].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0");
        elf[24..32].copy_from_slice(&0x10_0000u64.to_le_bytes());
        elf[32] = 64;
        elf[54] = 56;
        elf[56] = 2;
        elf[64] = 1;
        elf[64 + 24..64 + 32].copy_from_slice(&0x10_0000u64.to_le_bytes());
        elf[64 + 32] = 100;
        elf[64 + 40] = 200;
        elf[120] = 4;
        elf[120 + 32] = 20;
        for _ in 0..random.below(6) {
            let at = random.below(400) as usize;
            elf[at] = random.next() as u8;
        }
        loaded += u32::from(load(&memory, 8 << 20, &mut file(&elf)).is_ok());
    }
    assert!(
        loaded > 500,
        "most of the damage must be survivable for the test to reach far: {loaded}"
    );
}
