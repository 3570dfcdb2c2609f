//! What a program or library needs beside itself (gABI chapter 5, "Program Interpreter" and "Dynamic Section"; `ld.so(8)`).

use std::{
    ffi::{OsStr, OsString},
    io::{Read, Seek, SeekFrom},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use object::{
    LittleEndian as Le, ReadCache, ReadRef,
    elf::{self, Dyn64},
    read::elf::{Dyn, ProgramHeader},
};

use super::{Error, Segment, header, segments};

/// Longest name of an interpreter that Linux takes, with its zero byte.
const MAX_INTERPRETER: u64 = 4096;

/// Names that the dynamic linker goes by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dynamic {
    /// `PT_INTERP`: the program that loads the libraries.
    pub interpreter: Option<PathBuf>,
    /// `DT_NEEDED`, in order.
    pub needed: Vec<OsString>,
    /// `DT_SONAME`: what others call this library.
    pub soname: Option<OsString>,
    /// `DT_RPATH`: folders to search, parted by colons.
    pub rpath: Option<OsString>,
    /// `DT_RUNPATH`, which takes `DT_RPATH`'s place.
    pub runpath: Option<OsString>,
}

impl Dynamic {
    /// Reads them from an x86-64 ELF file of any type.
    ///
    /// # Errors
    ///
    /// What is no such file, or is not whole.
    pub fn read(mut file: impl Read + Seek) -> Result<Self, Error> {
        let length = file.seek(SeekFrom::End(0))?;
        let data = &ReadCache::new(file);
        Self::of(segments(header(data, length)?, data, length)?, data, length)
    }

    /// Whether there is anything that a static program has no use for.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.interpreter.is_some() || !self.needed.is_empty()
    }

    pub(super) fn of<'a, R: ReadRef<'a>>(
        segments: &'a [Segment],
        data: R,
        length: u64,
    ) -> Result<Self, Error> {
        let mut this = Self::default();
        for segment in segments {
            let (offset, size) = segment.file_range(Le);
            let part = |what, size| {
                data.read_bytes_at(offset, size).map_err(|()| Error::Truncated {
                    what,
                    end: offset.saturating_add(size),
                    length,
                })
            };
            match segment.p_type(Le).0 {
                3 if this.interpreter.is_none() => {
                    if size > MAX_INTERPRETER {
                        return Err(Error::Broken("its interpreter's name is too long"));
                    }
                    let name = text(part("the interpreter's name", size)?);
                    if !name.as_bytes().starts_with(b"/") {
                        return Err(Error::Broken("its interpreter's name is no absolute path"));
                    }
                    this.interpreter = Some(name.into());
                }
                2 => {
                    part("the dynamic section", size)?;
                    this.read_section(segments, data, offset, size)?;
                }
                _ => {}
            }
        }
        Ok(this)
    }

    fn read_section<'a, R: ReadRef<'a>>(
        &mut self,
        segments: &[Segment],
        data: R,
        offset: u64,
        size: u64,
    ) -> Result<(), Error> {
        let count = usize::try_from(size / size_of::<Dyn64<Le>>() as u64).unwrap_or(usize::MAX);
        let entries: &[Dyn64<Le>] = data
            .read_slice_at(offset, count)
            .map_err(|()| Error::Broken("its dynamic section cannot be read"))?;
        let entries = entries.iter().map(|entry| (entry.d_tag(Le).0, entry.d_val(Le)));
        let entries: Vec<_> = entries.take_while(|(tag, _)| *tag != 0).collect();
        let value = |wanted| {
            entries
                .iter()
                .find(|(tag, _)| *tag == wanted)
                .map(|(_, value)| *value)
        };
        let names: &[u8] = match (value(elf::DT_STRTAB.0), value(elf::DT_STRSZ.0)) {
            (Some(address), Some(size)) => file_offset(segments, address)
                .and_then(|offset| data.read_bytes_at(offset, size).ok())
                .ok_or(Error::Broken("its table of library names lies outside the file"))?,
            _ => &[],
        };
        let name = |at: u64| {
            let from = usize::try_from(at).ok().and_then(|at| names.get(at..));
            from.map(text)
                .ok_or(Error::Broken("the name of a library lies outside its table"))
        };
        for &(tag, value) in &entries {
            match elf::DynamicTag(tag) {
                elf::DT_NEEDED => self.needed.push(name(value)?),
                elf::DT_SONAME => self.soname = Some(name(value)?),
                elf::DT_RPATH => self.rpath = Some(name(value)?),
                elf::DT_RUNPATH => self.runpath = Some(name(value)?),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The bytes up to the first zero.
fn text(bytes: &[u8]) -> OsString {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    OsStr::from_bytes(text).to_owned()
}

/// Where in the file an address of the loaded program is.
fn file_offset(segments: &[Segment], address: u64) -> Option<u64> {
    segments
        .iter()
        .filter(|segment| segment.p_type(Le).0 == 1)
        .find_map(|segment| {
            let (offset, size) = segment.file_range(Le);
            let inside = address.checked_sub(segment.p_vaddr(Le))?;
            (inside < size).then(|| offset.saturating_add(inside))
        })
}
