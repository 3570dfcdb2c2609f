//! Loading the program: ELF headers (System V ABI, chapter 4 and 5; `elf(5)`) as a foreign file that may say anything.
//!
//! [`load`] puts a program or its interpreter (`ld.so(8)`) into memory; [`script`] is about what begins with `#!` (`execve(2)`).

#[cfg(feature = "elf")]
mod load;
pub mod script;

#[cfg(feature = "elf")]
pub use load::{load, load_anywhere};

use crate::{errno::Errno, file::File};
use alloc::{string::String, vec::Vec};
use linux_raw_sys::elf::{PF_X, PT_GNU_STACK, PT_INTERP, PT_LOAD, PT_PHDR};

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
    /// A script's interpreter is a script, and so on, more than four deep.
    ScriptDepth(String),
    /// The interpreter that the program or the script names cannot be opened: program, interpreter.
    Interpreter(String, String, Errno),
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
            Self::NotElf(path) => write!(
                f,
                "'{path}' is neither an ELF program nor a script that begins with #!"
            ),
            Self::Foreign(path) => write!(
                f,
                "'{path}' is not a 64-bit x86-64 program: compile it for x86_64-linux"
            ),
            Self::ScriptDepth(path) => write!(
                f,
                "'{path}' is a script whose interpreter is a script, too many times over: name the program itself"
            ),
            Self::Interpreter(path, interpreter, errno) => write!(
                f,
                "'{path}' needs '{interpreter}', which cannot be opened ({errno:?}): put it into the image"
            ),
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
    /// What its load address must be a multiple of: a power of two, a page or more.
    pub alignment: u64,
    /// The program that loads its libraries (`PT_INTERP`), if it has any.
    pub interpreter: Option<String>,
    /// Whether the stack is to be executable (`PT_GNU_STACK`), as for trampolines of nested functions.
    pub executable_stack: bool,
}

/// Most alignment of a load address that is given: a page of the largest size.
const MAX_ALIGNMENT: u64 = 1 << 30;

/// Longest name of an interpreter with its zero byte, as Linux has it (`PATH_MAX`).
const MAX_INTERPRETER: u64 = 4096;

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
    let (mut header_address, mut interpreter, mut alignment) = (None, None, 4096);
    let mut executable_stack = false;
    for row in bytes.chunks_exact(size) {
        let (offset, address) = (u64_at(row, 8), u64_at(row, 16));
        let (file_len, memory_len) = (u64_at(row, 32), u64_at(row, 40));
        match u32_at(row, 0) {
            // The first counts, as on Linux.
            PT_INTERP if interpreter.is_none() => {
                let named = interpreter_name(offset, file_len, read)?;
                interpreter = Some(named.ok_or_else(|| malformed("interpreter's name"))?);
            }
            PT_PHDR => header_address = Some(address),
            PT_GNU_STACK => executable_stack = u32_at(row, 4) & PF_X != 0,
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
                alignment = alignment.max(alignment_of(row));
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
        alignment,
        interpreter,
        executable_stack,
    })
}

/// What a segment asks for in `p_align`, within reason; Linux takes no notice of what is no power of two either.
fn alignment_of(row: &[u8]) -> u64 {
    match u64_at(row, 48) {
        align if align.is_power_of_two() && align <= MAX_ALIGNMENT => align,
        _ => 0,
    }
}

/// The text of `PT_INTERP`; `None` if it is none.
fn interpreter_name(
    offset: u64,
    len: u64,
    read: impl Fn(u64, &mut [u8]) -> Result<usize, Error>,
) -> Result<Option<String>, Error> {
    if !(2..=MAX_INTERPRETER).contains(&len) {
        return Ok(None);
    }
    let mut bytes = alloc::vec![0; len as usize];
    let got = read(offset, &mut bytes)?;
    if got < bytes.len() || bytes.pop() != Some(0) {
        return Ok(None);
    }
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(String::from_utf8(text.to_vec())
        .ok()
        .filter(|text| !text.is_empty()))
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

impl Loaded {
    /// Address of the first instruction.
    #[must_use]
    pub const fn entry(&self) -> u64 {
        self.headers.entry.wrapping_add(self.bias)
    }
}

#[cfg(test)]
mod tests;
