use super::*;
use crate::{errno::Result as Answer, file::Stat};
use alloc::vec;
use core::any::Any;

/// A file in memory.
struct Bytes(Vec<u8>);

impl File for Bytes {
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Answer<usize> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.0.len());
        let count = buffer.len().min(self.0.len() - start);
        buffer[..count].copy_from_slice(&self.0[start..start + count]);
        Ok(count)
    }

    fn stat(&self) -> Answer<Stat> {
        Ok(Stat::default())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn put(bytes: &mut [u8], at: usize, value: u64, len: usize) {
    bytes[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
}

fn program_header(
    bytes: &mut [u8],
    index: usize,
    kind: u32,
    offset: u64,
    address: u64,
    len: u64,
    align: u64,
) {
    let at = FILE_HEADER + PROGRAM_HEADER * index;
    put(bytes, at, u64::from(kind), 4);
    for (field, value) in [(8, offset), (16, address), (32, len), (40, len), (48, align)] {
        put(bytes, at + field, value, 8);
    }
}

/// A position-independent program with an interpreter and two segments.
fn dynamic() -> Vec<u8> {
    let mut bytes = vec![0; 0x3000];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    put(&mut bytes, 16, u64::from(ET_DYN), 2);
    put(&mut bytes, 18, 62, 2);
    put(&mut bytes, 24, 0x1040, 8);
    put(&mut bytes, 32, FILE_HEADER as u64, 8);
    put(&mut bytes, 54, PROGRAM_HEADER as u64, 2);
    put(&mut bytes, 56, 3, 2);
    program_header(&mut bytes, 0, PT_INTERP, 0x800, 0x800, 12, 1);
    bytes[0x800..0x80c].copy_from_slice(b"/lib/ld.so.1");
    put(&mut bytes, 0x80b, 0, 1);
    program_header(&mut bytes, 1, PT_LOAD, 0, 0, 0x1000, 0x1000);
    program_header(&mut bytes, 2, PT_LOAD, 0x1000, 0x1000, 0x1800, 0x20_0000);
    bytes
}

fn read(bytes: Vec<u8>) -> Result<Headers, Error> {
    headers("/program", &Bytes(bytes))
}

#[test]
fn interpreter_alignment_and_header_address_are_found() {
    let headers = read(dynamic()).unwrap();
    assert_eq!(headers.interpreter.as_deref(), Some("/lib/ld.so."));
    assert_eq!(headers.alignment, 0x20_0000);
    assert_eq!(headers.header_address, FILE_HEADER as u64);
    assert_eq!((headers.relocatable, headers.segments.len()), (true, 2));
}

#[test]
fn an_interpreter_without_an_end_or_a_name_is_refused() {
    let unterminated = {
        let mut bytes = dynamic();
        bytes[0x80b] = b'x';
        bytes
    };
    let nameless = {
        let mut bytes = dynamic();
        bytes[0x800] = 0;
        bytes
    };
    let mut endless = dynamic();
    program_header(&mut endless, 0, PT_INTERP, 0x800, 0x800, 1 << 40, 1);
    for bytes in [unterminated, nameless, endless] {
        assert!(matches!(
            read(bytes),
            Err(Error::Malformed(_, "interpreter's name"))
        ));
    }
}

#[test]
fn any_change_of_the_headers_is_taken_or_refused_and_what_is_taken_makes_sense() {
    let mut state = 0x1234_5678_9abc_def1u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut taken = 0;
    for _ in 0..50_000 {
        let mut bytes = dynamic();
        for _ in 0..1 + random() % 4 {
            let at = (random() % (FILE_HEADER + 3 * PROGRAM_HEADER) as u64) as usize;
            bytes[at] = random() as u8;
        }
        bytes.truncate((random() % 0x6000) as usize);
        let Ok(headers) = read(bytes) else { continue };
        taken += 1;
        assert!(headers.alignment.is_power_of_two() && (4096..=MAX_ALIGNMENT).contains(&headers.alignment));
        assert!(headers.interpreter.is_none_or(|name| !name.is_empty()));
        let ends = |segment: &Segment| segment.address.checked_add(segment.memory_len);
        for pair in headers.segments.windows(2) {
            assert!(ends(&pair[0]).unwrap() <= pair[1].address);
        }
        for segment in &headers.segments {
            assert!(ends(segment).unwrap() <= crate::arch::layout::PROGRAM_END);
            assert!(segment.file_len <= segment.memory_len);
        }
    }
    assert!(taken > 1000, "the changes were all refused at once: {taken}");
}
