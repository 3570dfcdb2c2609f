use std::io::Cursor;

use proptest::prelude::*;

use super::*;

/// The smallest program that is accepted: header, one loaded segment, entry at its beginning.
fn program() -> Vec<u8> {
    let mut bytes = vec![0; 0x1000];
    bytes[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
    bytes[16..18].copy_from_slice(&2u16.to_le_bytes());
    bytes[18..20].copy_from_slice(&62u16.to_le_bytes());
    bytes[24..32].copy_from_slice(&0x40_0000u64.to_le_bytes());
    bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&1u16.to_le_bytes());
    segment(&mut bytes, 0, 1, 0, 0x40_0000, 0x1000);
    bytes
}

fn segment(bytes: &mut [u8], index: usize, kind: u32, offset: u64, address: u64, size: u64) {
    let at = 64 + 56 * index;
    bytes[at..at + 4].copy_from_slice(&kind.to_le_bytes());
    for (field, value) in [(8, offset), (16, address), (32, size), (40, size)] {
        bytes[at + field..at + field + 8].copy_from_slice(&value.to_le_bytes());
    }
}

fn refusal(bytes: Vec<u8>) -> String {
    ElfInfo::inspect(Cursor::new(bytes)).unwrap_err().to_string()
}

fn with(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = program();
    change(&mut bytes);
    bytes
}

#[test]
fn a_static_program_is_accepted() {
    let info = ElfInfo::inspect(Cursor::new(program())).unwrap();
    assert_eq!(
        info,
        ElfInfo {
            position_independent: false,
            entry: 0x40_0000,
            memory_bytes: 0x1000
        }
    );
    let pie = with(|b| b[16] = 3);
    assert!(ElfInfo::inspect(Cursor::new(pie)).unwrap().position_independent);
}

#[test]
fn each_foreign_file_is_named() {
    let interpreter = |b: &mut Vec<u8>| {
        b[56] = 2;
        segment(b, 1, 3, 0x200, 0, 28);
        b[0x200..0x21c].copy_from_slice(b"/lib64/ld-linux-x86-64.so.2\0");
    };
    let needed = |b: &mut Vec<u8>| {
        b[56] = 2;
        segment(b, 1, 2, 0x200, 0, 32);
        b[0x200] = 1;
    };
    for (bytes, word) in [
        (b"#!/bin/sh\n".to_vec(), "not an ELF"),
        (Vec::new(), "not an ELF"),
        (with(|b| b[4] = 1), "32-bit"),
        (with(|b| b[5] = 2), "big-endian"),
        (with(|b| b[18] = 183), "64-bit ARM"),
        (with(|b| b[7] = 9), "another operating system"),
        (with(|b| b[16] = 1), "object file"),
        (with(|b| b[16] = 4), "type 4"),
        (with(interpreter), "/lib64/ld-linux-x86-64.so.2"),
        (with(interpreter), "link with -static"),
        (with(needed), "link with -static"),
        (
            with(|b| b.truncate(0x800)),
            "truncated: a segment ends at byte 4096, the file has 2048",
        ),
        (with(|b| b.truncate(100)), "truncated: the segment table"),
        (with(|b| b.truncate(40)), "truncated: the ELF header"),
    ] {
        let line = refusal(bytes);
        assert!(line.contains(word), "{line:?} does not say {word:?}");
        assert!(!line.contains('\n'));
    }
    let outside = with(|b| b[27] = 0x7f);
    assert!(refusal(outside).contains("entry point"));
    let library = with(|b| {
        b[16] = 3;
        b[24..32].fill(0);
    });
    assert!(refusal(library).contains("shared library"));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = ElfInfo::inspect(Cursor::new(bytes));
    }

    #[test]
    fn no_change_of_a_program_panics(changes in proptest::collection::vec((0usize..256, any::<u8>()), 1..12), length in 0usize..0x1000) {
        let mut bytes = program();
        for (at, value) in changes {
            bytes[at] = value;
        }
        bytes.truncate(length);
        let _ = ElfInfo::inspect(Cursor::new(bytes));
    }
}
