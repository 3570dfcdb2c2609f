//! Whether a file is a program that the library OS can run (System V ABI, gABI chapter 4 and 5; AMD64 supplement).
//!
//! [`ElfInfo`] judges a program; [`Dynamic`] says what it, or a library, needs beside itself.

mod dynamic;

pub use dynamic::Dynamic;

use std::io::{self, Read, Seek, SeekFrom};

use object::{
    LittleEndian as Le, ReadCache, ReadRef,
    elf::{self, FileHeader64, ProgramHeader64},
    read::elf::{FileHeader, ProgramHeader},
};

/// The magic number of ELF files.
pub const MAGIC: [u8; 4] = *b"\x7fELF";

/// What is known about a program that can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElfInfo {
    /// Whether it may be loaded at any address (`ET_DYN`, static-pie).
    pub position_independent: bool,
    /// Address of the first instruction, relative to the load address if position independent.
    pub entry: u64,
    /// Bytes of memory between the first and the end of the last loaded segment.
    pub memory_bytes: u64,
    /// Whether it needs a program interpreter or libraries, see [`Dynamic`].
    pub dynamic: bool,
}

/// Why a file cannot be run. Each line says what to do instead; the caller puts the file's name in front.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No ELF magic.
    #[error("not an ELF program; give a Linux x86-64 executable")]
    NotElf,
    /// `ELFCLASS32`.
    #[error("a 32-bit program; compile it for x86-64 (gcc -m64)")]
    ThirtyTwoBit,
    /// `EI_DATA` is not little-endian.
    #[error("a big-endian program; compile it for x86-64")]
    BigEndian,
    /// `e_machine` is another processor's.
    #[error("a program for {0}; compile it for x86-64")]
    ForeignMachine(String),
    /// `EI_OSABI` is another system's.
    #[error("a program for another operating system (ELF OSABI {0}); compile it for Linux")]
    ForeignSystem(u8),
    /// `ET_REL`.
    #[error("an object file, not yet a program; link it (gcc -static FILE.o -o PROGRAM)")]
    ObjectFile,
    /// `ET_CORE` or something unknown.
    #[error("an ELF file of type {0}, not a program; give an executable")]
    NotExecutable(u16),
    /// `ET_DYN` without an entry point.
    #[error("a shared library, not a program; give an executable")]
    SharedLibrary,
    /// `PT_INTERP` or `DT_NEEDED`, where libraries cannot be looked for.
    #[error(
        "dynamically linked ({0}); send it as a disk with its libraries, which 'uigniter image import' makes, or link with -static"
    )]
    Dynamic(String),
    /// A header or a segment lies beyond the end of the file.
    #[error("truncated: {what} ends at byte {end}, the file has {length}; copy or build it again")]
    Truncated {
        /// What lies beyond the end.
        what: &'static str,
        /// Where it ends, in bytes from the file's beginning.
        end: u64,
        /// Length of the file in bytes.
        length: u64,
    },
    /// Headers that contradict themselves.
    #[error("a broken ELF program ({0}); build it again")]
    Broken(&'static str),
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

type Header = FileHeader64<Le>;
type Segment = ProgramHeader64<Le>;

impl ElfInfo {
    /// Looks at a program's headers.
    ///
    /// # Errors
    ///
    /// The first reason why the library OS cannot run it.
    pub fn inspect(mut file: impl Read + Seek) -> Result<Self, Error> {
        let length = file.seek(SeekFrom::End(0))?;
        let data = &ReadCache::new(file);
        let header = header(data, length)?;
        let segments = segments(header, data, length)?;
        let dynamic = Dynamic::of(segments, data, length)?.is_needed();
        let (first, last) = extent(segments, length)?;
        let position_independent = header.e_type(Le).0 == elf::ET_DYN.0;
        let entry = header.e_entry(Le);
        if position_independent && entry == 0 {
            return Err(Error::SharedLibrary);
        }
        if !(first..last).contains(&entry) {
            return Err(Error::Broken("the entry point lies in no segment"));
        }
        Ok(Self {
            position_independent,
            entry,
            memory_bytes: last - first,
            dynamic,
        })
    }
}

fn header<'a, R: ReadRef<'a>>(data: R, length: u64) -> Result<&'a Header, Error> {
    let identity: &[u8] = data.read_bytes_at(0, 16.min(length)).unwrap_or_default();
    if !identity.starts_with(&MAGIC) {
        return Err(Error::NotElf);
    }
    let truncated = |end| Error::Truncated {
        what: "the ELF header",
        end,
        length,
    };
    let &[_, _, _, _, class, encoding, _, system, ..] = identity else {
        return Err(truncated(16));
    };
    match (class, encoding) {
        (1, _) => return Err(Error::ThirtyTwoBit),
        (2, 1) => {}
        (2, 2) => return Err(Error::BigEndian),
        _ => return Err(Error::Broken("class or byte order is unknown")),
    }
    // System V, which is what Linux compilers write, or GNU/Linux, written when GNU extensions are used.
    if !matches!(system, 0 | 3) {
        return Err(Error::ForeignSystem(system));
    }
    let header: &Header = data.read_at(0).map_err(|()| truncated(64))?;
    let machine = header.e_machine(Le).0;
    if machine != elf::EM_X86_64.0 {
        return Err(Error::ForeignMachine(machine_name(machine)));
    }
    match header.e_type(Le).0 {
        2 | 3 => Ok(header),
        1 => Err(Error::ObjectFile),
        other => Err(Error::NotExecutable(other)),
    }
}

fn machine_name(machine: u16) -> String {
    let known = match machine {
        8 => "MIPS",
        20 => "PowerPC",
        21 => "64-bit PowerPC",
        22 => "S/390",
        40 => "32-bit ARM",
        183 => "64-bit ARM",
        243 => "RISC-V",
        258 => "LoongArch",
        _ => return format!("another processor (ELF machine {machine})"),
    };
    known.to_owned()
}

fn segments<'a, R: ReadRef<'a>>(header: &Header, data: R, length: u64) -> Result<&'a [Segment], Error> {
    let count = header.e_phnum(Le);
    if count == 0 {
        return Err(Error::Broken("it has no segments"));
    }
    if header.e_phentsize(Le) as usize != size_of::<Segment>() {
        return Err(Error::Broken("its segment headers have a foreign size"));
    }
    let start = header.e_phoff(Le);
    let end = start.saturating_add(u64::from(count) * size_of::<Segment>() as u64);
    data.read_slice_at(start, usize::from(count))
        .map_err(|()| Error::Truncated {
            what: "the segment table",
            end,
            length,
        })
}

/// First and last address of all loaded segments.
fn extent(segments: &[Segment], length: u64) -> Result<(u64, u64), Error> {
    /// x86-64 programs live below this address (Linux' `TASK_SIZE_MAX`).
    const ADDRESS_LIMIT: u64 = 1 << 47;
    let (mut first, mut last) = (u64::MAX, 0);
    for segment in segments.iter().filter(|segment| segment.p_type(Le).0 == 1) {
        let (offset, file_size) = segment.file_range(Le);
        let end = offset.saturating_add(file_size);
        if end > length {
            return Err(Error::Truncated {
                what: "a segment",
                end,
                length,
            });
        }
        let (address, memory_size) = (segment.p_vaddr(Le), segment.p_memsz(Le));
        if memory_size < file_size {
            return Err(Error::Broken("a segment is longer in the file than in memory"));
        }
        let memory_end = address
            .checked_add(memory_size)
            .filter(|end| *end <= ADDRESS_LIMIT);
        first = first.min(address);
        last = last.max(memory_end.ok_or(Error::Broken("a segment lies outside the address space"))?);
    }
    if first < last {
        Ok((first, last))
    } else {
        Err(Error::Broken("it has nothing to load"))
    }
}

#[cfg(test)]
mod tests;
