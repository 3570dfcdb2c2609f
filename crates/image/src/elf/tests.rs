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
            memory_bytes: 0x1000,
            dynamic: false,
        }
    );
    let pie = with(|b| b[16] = 3);
    assert!(ElfInfo::inspect(Cursor::new(pie)).unwrap().position_independent);
}

fn interpreter(bytes: &mut [u8], name: &[u8]) {
    bytes[56] = 2;
    segment(bytes, 1, 3, 0x200, 0, name.len() as u64);
    bytes[0x200..0x200 + name.len()].copy_from_slice(name);
}

/// A dynamic section whose `DT_NEEDED` is `libx.so`, but for `shift` bytes.
fn needed(bytes: &mut [u8], shift: u64) {
    bytes[56] = 2;
    segment(bytes, 1, 2, 0x200, 0, 5 * 16);
    // DT_NEEDED, DT_RUNPATH, DT_STRTAB by address, DT_STRSZ, DT_NULL.
    let entries = [(1, 1 + shift), (29, 9), (5, 0x40_0300), (10, 20), (0, 0)];
    for (entry, at) in entries.iter().zip((0x200..).step_by(16)) {
        bytes[at..at + 8].copy_from_slice(&u64::to_le_bytes(entry.0));
        bytes[at + 8..at + 16].copy_from_slice(&u64::to_le_bytes(entry.1));
    }
    bytes[0x300..0x314].copy_from_slice(b"\0libx.so\0$ORIGIN/a\0\0");
}

#[test]
fn what_a_dynamic_program_needs_is_named() {
    let read = |bytes: Vec<u8>| {
        assert!(ElfInfo::inspect(Cursor::new(bytes.clone())).unwrap().dynamic);
        Dynamic::read(Cursor::new(bytes)).unwrap()
    };
    let loader = read(with(|b| interpreter(b, b"/lib64/ld-linux-x86-64.so.2\0")));
    assert_eq!(
        loader.interpreter.unwrap().to_str(),
        Some("/lib64/ld-linux-x86-64.so.2")
    );
    let libraries = read(with(|b| needed(b, 0)));
    assert_eq!(libraries.needed, ["libx.so"]);
    assert_eq!(libraries.runpath.unwrap(), "$ORIGIN/a");
    assert_eq!(libraries.rpath, None);
}

#[test]
fn each_foreign_file_is_named() {
    for (bytes, word) in [
        (b"#!/bin/sh\n".to_vec(), "not an ELF"),
        (Vec::new(), "not an ELF"),
        (with(|b| b[4] = 1), "32-bit"),
        (with(|b| b[5] = 2), "big-endian"),
        (with(|b| b[18] = 183), "64-bit ARM"),
        (with(|b| b[7] = 9), "another operating system"),
        (with(|b| b[16] = 1), "object file"),
        (with(|b| b[16] = 4), "type 4"),
        (with(|b| interpreter(b, b"lib/ld.so\0")), "no absolute path"),
        (with(|b| needed(b, 100)), "name of a library lies outside"),
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

    #[test]
    fn no_change_of_a_dynamic_section_panics(changes in proptest::collection::vec((0usize..0x320, any::<u8>()), 1..12), length in 0x200usize..0x1000) {
        let mut bytes = with(|b| needed(b, 0));
        for (at, value) in changes {
            bytes[at] = value;
        }
        bytes.truncate(length);
        let _ = Dynamic::read(Cursor::new(bytes));
    }
}

#[test]
fn fuzz_program() {
    let program = program();
    uigniter_fuzz::run("program", &[&program[..512]], |input| {
        if let Ok(info) = ElfInfo::inspect(Cursor::new(input)) {
            assert!(info.memory_bytes > 0);
        }
    });
}
