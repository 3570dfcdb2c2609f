//! Putting a kernel into guest memory and telling it where it is.
//!
//! [`load`] reads an ELF kernel and decides the protocol: **PVH** where the kernel carries the note
//! `XEN_ELFNOTE_PHYS32_ENTRY` (Xen, `docs/misc/pvh.pandoc`: 32-bit protected mode, paging off, `ebx` points to
//! `hvm_start_info`), else the **Linux 64-bit entry** (`Documentation/arch/x86/boot.rst`: long mode, identity map, `rsi` points to `boot_params`).
//! [`write`] then lays out what the protocol promises: command line, memory map, initrd, MP table.

mod elf;
pub(crate) mod layout;
mod linux;
mod mptable;
mod pvh;

use std::{fs::File, os::unix::fs::FileExt};

use vm_memory::{Bytes, GuestAddress};

pub(crate) use elf::load;

use crate::memory::{self, GuestMemory};

/// How and where the boot CPU begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// 32-bit protected mode at this address.
    Pvh(u64),
    /// 64-bit long mode at this address.
    Linux(u64),
}

/// A kernel that lies in guest memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel {
    /// Where to begin.
    pub(crate) entry: Entry,
    /// First address behind its last byte.
    pub(crate) end: u64,
}

/// Why a kernel cannot be booted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Not an ELF file of the right kind.
    #[error("the kernel is {0}; an x86-64 ELF executable is needed")]
    Foreign(&'static str),
    /// The ELF file is damaged.
    #[error("the kernel cannot be loaded: {0}; is the file whole?")]
    Load(linux_loader::loader::Error),
    /// A part lies below 1 MiB, where boot data lies.
    #[error(
        "the kernel wants to lie at {0:#x}, but memory below 1 MiB is taken by boot data; link it higher"
    )]
    TooLow(u64),
    /// Not enough memory.
    #[error("the kernel needs memory up to {end:#x}, the guest has {size:#x}; raise mem_size_mib")]
    TooSmall {
        /// First address behind the kernel.
        end: u64,
        /// Size of memory below the device hole, in bytes.
        size: u64,
    },
    /// `boot_args` and device descriptions together are too long.
    #[error("the command line is {0} bytes long, at most {max} fit; shorten boot_args", max = layout::COMMAND_LINE_MAX - 1)]
    CommandLine(usize),
    /// A zero byte ends the line early.
    #[error("boot_args contain a zero byte")]
    CommandLineZero,
    /// The initrd does not fit.
    #[error("the initrd of {0} bytes does not fit behind the kernel; raise mem_size_mib")]
    Initrd(u64),
    /// A file could not be read.
    #[error("cannot read the {0}: {1}")]
    Read(&'static str, std::io::Error),
    /// Guest memory has no such address.
    #[error("cannot write boot data: {0}; raise mem_size_mib")]
    Memory(#[from] vm_memory::GuestMemoryError),
}

/// What lies where, as both protocols tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct MemoryRange {
    start: u64,
    length: u64,
    is_ram: bool,
}

/// Position of the initrd.
#[derive(Clone, Copy, Debug)]
struct Initrd {
    start: u64,
    length: u64,
}

/// Writes everything that the kernel finds beside itself.
///
/// # Errors
///
/// See [`Error`].
pub(crate) fn write(
    memory: &GuestMemory,
    memory_bytes: u64,
    kernel: Kernel,
    command_line: &str,
    initrd: Option<&File>,
    vcpus: u8,
) -> Result<(), Error> {
    if command_line.len() >= layout::COMMAND_LINE_MAX {
        return Err(Error::CommandLine(command_line.len()));
    }
    if command_line.contains('\0') {
        return Err(Error::CommandLineZero);
    }
    // Fresh guest memory is zero, so the terminator is there.
    memory.write_slice(command_line.as_bytes(), GuestAddress(layout::COMMAND_LINE))?;
    let initrd = initrd
        .map(|file| load_initrd(memory, memory_bytes, kernel, file))
        .transpose()?;
    mptable::write(memory, vcpus)?;
    let map = memory_map(memory_bytes);
    match kernel.entry {
        Entry::Pvh(_) => pvh::write(memory, &map, initrd),
        Entry::Linux(_) => linux::write(memory, &map, initrd, command_line.len() as u32),
    }
}

fn memory_map(bytes: u64) -> Vec<MemoryRange> {
    let mut map = vec![
        MemoryRange {
            start: 0,
            length: layout::EBDA,
            is_ram: true,
        },
        MemoryRange {
            start: layout::EBDA,
            length: layout::HIGH_MEMORY - layout::EBDA,
            is_ram: false,
        },
    ];
    map.extend(memory::ranges(bytes).into_iter().map(|(start, length)| {
        let start = start.0.max(layout::HIGH_MEMORY);
        let skipped = if start == layout::HIGH_MEMORY { start } else { 0 };
        MemoryRange {
            start,
            length: length - skipped,
            is_ram: true,
        }
    }));
    map
}

/// Reads the initrd to the highest page-aligned place below the hole (and below Linux's `initrd_addr_max`).
fn load_initrd(
    memory: &GuestMemory,
    memory_bytes: u64,
    kernel: Kernel,
    file: &File,
) -> Result<Initrd, Error> {
    let length = file
        .metadata()
        .map_err(|error| Error::Read("initrd", error))?
        .len();
    let top = memory_bytes.min(0x3800_0000);
    let start = top
        .checked_sub(length)
        .map(|start| start & !0xfff)
        .filter(|start| *start >= kernel.end)
        .ok_or(Error::Initrd(length))?;
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    while offset < length {
        let count = file
            .read_at(&mut buffer, offset)
            .map_err(|error| Error::Read("initrd", error))?
            .min((length - offset) as usize);
        if count == 0 {
            break;
        }
        memory.write_slice(&buffer[..count], GuestAddress(start + offset))?;
        offset += count as u64;
    }
    Ok(Initrd { start, length })
}

#[cfg(test)]
mod tests;
