//! Loading the program: ELF headers (System V ABI, chapter 4 and 5; `elf(5)`) as a foreign file that may say anything.

use crate::{errno::Errno, file::File};
use alloc::{string::String, vec::Vec};
use linux_raw_sys::elf::{PT_INTERP, PT_LOAD, PT_PHDR};

/// `e_type` of a program at fixed addresses, and of one that may be anywhere.
const ET_EXEC: u32 = 2;
const ET_DYN: u32 = 3;

/// Bytes of the file header and of a program header.
const FILE_HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;

/// Why a program was refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// No such file.
    NotFound(String, Errno),
    /// It could not be read.
    Read(String, Errno),
    /// Not an ELF file.
    NotElf(String),
    /// For another processor, or 32-bit.
    Foreign(String),
    /// It wants a program interpreter.
    Dynamic(String),
    /// Headers that make no sense; the field says which.
    Malformed(String, &'static str),
    /// It lies where the kernel is, or beyond the program's part of the address space.
    OutOfRange(String),
    /// It does not fit.
    NoMemory(String),
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotFound(path, errno) => write!(
                f,
                "cannot open the program '{path}' ({errno:?}): is it in the image?"
            ),
            Self::Read(path, errno) => write!(
                f,
                "cannot read the program '{path}' ({errno:?}): is the image whole?"
            ),
            Self::NotElf(path) => write!(f, "'{path}' is not an ELF program"),
            Self::Foreign(path) => write!(
                f,
                "'{path}' is not a 64-bit x86-64 program: compile it for x86_64-linux"
            ),
            Self::Dynamic(path) => write!(f, "'{path}' is dynamically linked: link it with -static"),
            Self::Malformed(path, what) => write!(f, "'{path}' is damaged: its {what} make no sense"),
            Self::OutOfRange(path) => write!(
                f,
                "'{path}' wants addresses that it cannot have (2 MiB to 126 TiB)"
            ),
            Self::NoMemory(path) => write!(
                f,
                "'{path}' does not fit into memory: give the VM more with --memory"
            ),
        }
    }
}

/// A part of the file that goes into memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First address, before the load bias.
    pub address: u64,
    /// Bytes in memory.
    pub memory_len: u64,
    /// Where in the file its contents begin.
    pub offset: u64,
    /// Bytes in the file, at most `memory_len`.
    pub file_len: u64,
    /// `PF_X`, `PF_W`, `PF_R`.
    pub flags: u32,
}

/// What the headers say, checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Headers {
    /// First instruction, before the load bias.
    pub entry: u64,
    /// True for a position-independent program.
    pub relocatable: bool,
    /// Loadable segments in order of address, not overlapping.
    pub segments: Vec<Segment>,
    /// Where the program headers are in memory, before the load bias.
    pub header_address: u64,
    /// How many there are.
    pub header_count: u64,
}

/// Most program headers that are looked at.
const MAX_HEADERS: usize = 64;

/// Lowest to one past the highest address, before the bias.
pub fn extent(segments: &[Segment]) -> (u64, u64) {
    let start = segments.first().map_or(0, |segment| segment.address & !4095);
    let end = segments
        .last()
        .map_or(0, |segment| segment.address + segment.memory_len);
    (start, end)
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    if let Some(source) = bytes.get(at..at + N) {
        out.copy_from_slice(source);
    }
    out
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(field(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(field(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(field(bytes, at))
}

/// Reads and checks the headers of a program.
///
/// # Errors
///
/// See [`Error`].
pub fn headers(path: &str, file: &dyn File) -> Result<Headers, Error> {
    let malformed = |what| Error::Malformed(path.into(), what);
    let mut header = [0; FILE_HEADER];
    let read = |offset, buffer: &mut [u8]| {
        crate::mm::space::read_full(file, offset, buffer).map_err(|errno| Error::Read(path.into(), errno))
    };
    let got = read(0, &mut header)?;
    if got < 4 || header[..4] != *b"\x7fELF" {
        return Err(Error::NotElf(path.into()));
    }
    // EI_CLASS, EI_DATA; e_machine.
    if got < header.len() || header[4] != 2 || header[5] != 1 || u16_at(&header, 18) != 62 {
        return Err(Error::Foreign(path.into()));
    }
    let kind = u32::from(u16_at(&header, 16));
    if kind != ET_EXEC && kind != ET_DYN {
        return Err(malformed("file type"));
    }
    let (table, size, count) = (
        u64_at(&header, 32),
        usize::from(u16_at(&header, 54)),
        usize::from(u16_at(&header, 56)),
    );
    if size != PROGRAM_HEADER || count == 0 || count > MAX_HEADERS {
        return Err(malformed("program headers"));
    }
    let mut bytes = alloc::vec![0; size * count];
    if read(table, &mut bytes)? < bytes.len() {
        return Err(malformed("program headers"));
    }
    let mut segments: Vec<Segment> = Vec::new();
    let mut header_address = None;
    for row in bytes.chunks_exact(size) {
        let (offset, address) = (u64_at(row, 8), u64_at(row, 16));
        let (file_len, memory_len) = (u64_at(row, 32), u64_at(row, 40));
        match u32_at(row, 0) {
            PT_INTERP => return Err(Error::Dynamic(path.into())),
            PT_PHDR => header_address = Some(address),
            PT_LOAD if memory_len > 0 => {
                if file_len > memory_len
                    || offset % 4096 != address % 4096
                    || offset.checked_add(file_len).is_none()
                {
                    return Err(malformed("segments"));
                }
                let end = address
                    .checked_add(memory_len)
                    .ok_or_else(|| Error::OutOfRange(path.into()))?;
                if end > crate::arch::layout::PROGRAM_END {
                    return Err(Error::OutOfRange(path.into()));
                }
                if segments
                    .last()
                    .is_some_and(|last| last.address + last.memory_len > address)
                {
                    return Err(malformed("segments"));
                }
                segments.push(Segment {
                    address,
                    memory_len,
                    offset,
                    file_len,
                    flags: u32_at(row, 4),
                });
            }
            _ => {}
        }
    }
    if segments.is_empty() {
        return Err(malformed("segments"));
    }
    let header_address = header_address.or_else(|| {
        let holds = |segment: &&Segment| (segment.offset..segment.offset + segment.file_len).contains(&table);
        segments
            .iter()
            .find(holds)
            .map(|segment| segment.address + (table - segment.offset))
    });
    Ok(Headers {
        entry: u64_at(&header, 24),
        relocatable: kind == ET_DYN,
        segments,
        header_address: header_address.unwrap_or(0),
        header_count: count as u64,
    })
}

/// A program in memory.
#[derive(Debug)]
pub struct Loaded {
    /// What its headers say.
    pub headers: Headers,
    /// Added to all its addresses.
    pub bias: u64,
    /// One past its highest byte.
    pub end: u64,
}

#[cfg(feature = "elf")]
pub use load::load;

#[cfg(feature = "elf")]
mod load {
    use super::{Error, Loaded, Segment, extent, headers};
    use crate::{
        arch::layout,
        file::File,
        mm::{
            PAGE_SIZE, frames, paging,
            space::{self, Place},
            vma::{Backing, Prot},
        },
    };
    use alloc::vec::Vec;
    use linux_raw_sys::elf::{PF_R, PF_W, PF_X};

    const PAGE: u64 = PAGE_SIZE as u64;

    /// Largest block that is filled by one read: 2 MiB.
    const READ_ORDER: u8 = 9;

    /// Maps the program's segments and reads their contents in; `bias` is where a relocatable one goes.
    pub fn load(path: &str, file: &dyn File, bias: u64) -> Result<Loaded, Error> {
        let headers = headers(path, file)?;
        let bias = if headers.relocatable { bias } else { 0 };
        let (start, end) = extent(&headers.segments);
        let in_range = start
            .checked_add(bias)
            .is_some_and(|start| start >= layout::PROGRAM_START)
            && end
                .checked_add(bias)
                .is_some_and(|end| end <= layout::PROGRAM_END);
        if !in_range {
            return Err(Error::OutOfRange(path.into()));
        }
        let mut done = 0;
        for segment in &headers.segments {
            done = load_segment(path, file, segment, bias, done)?;
        }
        Ok(Loaded {
            headers,
            bias,
            end: end + bias,
        })
    }

    fn prot(flags: u32) -> Prot {
        let right = |flag, prot| if flags & flag != 0 { prot } else { Prot::empty() };
        right(PF_R, Prot::READ) | right(PF_W, Prot::WRITE) | right(PF_X, Prot::EXEC)
    }

    /// Loads one segment; `done` is the end of the pages that the segments before it took, and the new end is given back.
    fn load_segment(
        path: &str,
        file: &dyn File,
        segment: &Segment,
        bias: u64,
        done: u64,
    ) -> Result<u64, Error> {
        let no_memory = |_| Error::NoMemory(path.into());
        let address = segment.address + bias;
        let file_end = address + segment.file_len;
        let end = (address + segment.memory_len).next_multiple_of(PAGE);
        let mut start = address & !(PAGE - 1);
        if start < done {
            // The last page of the segment before is the first of this one: both want their bytes in it, and their rights to it.
            share_page(path, file, segment, bias, start)?;
            start += PAGE;
            if start >= end {
                return Ok(done);
            }
        }
        space::map(
            Place::Fixed(start),
            end - start,
            prot(segment.flags),
            Backing::Zero,
            "",
        )
        .map_err(no_memory)?;
        let mut blocks = Vec::new();
        let mut at = start;
        while at < file_end {
            let pages = (file_end - at).div_ceil(PAGE);
            let order = (pages.ilog2() as u8).min(READ_ORDER);
            let block = frames::alloc_zeroed(order).ok_or_else(|| Error::NoMemory(path.into()))?;
            blocks.push((block, order));
            let skip = address.saturating_sub(at);
            let stop = file_end.min(at + (PAGE << order));
            // SAFETY: the block is ours until it is installed; the range is inside it.
            let buffer = unsafe {
                core::slice::from_raw_parts_mut(
                    (layout::linear(block) + skip) as *mut u8,
                    (stop - at - skip) as usize,
                )
            };
            read_exact(path, file, segment.offset + (at + skip - address), buffer)?;
            if segment.flags & PF_X != 0 {
                // SAFETY: as above, the whole block.
                let pages = unsafe {
                    core::slice::from_raw_parts_mut(layout::linear(block) as *mut u8, PAGE_SIZE << order)
                };
                crate::mm::rewrite::rewrite(at, pages);
            }
            at += PAGE << order;
        }
        space::install(start, &blocks, prot(segment.flags)).map_err(no_memory)?;
        Ok(end)
    }

    fn share_page(path: &str, file: &dyn File, segment: &Segment, bias: u64, page: u64) -> Result<(), Error> {
        let address = segment.address + bias;
        let stop = (address + segment.file_len).min(page + PAGE);
        let _ = crate::mm::check_user(page, PAGE_SIZE, false);
        let Some(physical) = paging::translate(address.max(page)) else {
            return Err(Error::NoMemory(path.into()));
        };
        // SAFETY: the page was installed for the segment before; the range is inside it.
        let buffer = unsafe {
            core::slice::from_raw_parts_mut(
                layout::linear(physical) as *mut u8,
                stop.saturating_sub(address) as usize,
            )
        };
        read_exact(path, file, segment.offset, buffer)?;
        let all = Prot::READ | Prot::WRITE | Prot::EXEC;
        space::protect(page, PAGE, prot(segment.flags) | Prot::READ | all)
            .map_err(|_| Error::NoMemory(path.into()))
    }

    fn read_exact(path: &str, file: &dyn File, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let wanted = buffer.len();
        match space::read_full(file, offset, buffer) {
            Ok(count) if count == wanted => Ok(()),
            Ok(_) => Err(Error::Malformed(path.into(), "segments (the file is truncated)")),
            Err(errno) => Err(Error::Read(path.into(), errno)),
        }
    }
}
