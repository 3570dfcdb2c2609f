//! Loading an ELF kernel: checks first, then `linux-loader` does the work.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use linux_loader::loader::{Elf, KernelLoader, elf::PvhBootCapability};
use vm_memory::GuestMemory as _;

use super::{Entry, Error, Kernel, layout};
use crate::memory::GuestMemory;

/// Program header type of a loadable segment.
const PT_LOAD: u32 = 1;
/// `e_machine` of x86-64.
const EM_X86_64: u16 = 62;
/// Size of a 64-bit program header in bytes.
const PHDR_SIZE: usize = 56;

/// Reads the kernel into guest memory at its physical addresses.
///
/// # Errors
///
/// See [`Error`]; guest memory is left in an unknown state then.
pub(crate) fn load(memory: &GuestMemory, low_memory_bytes: u64, file: &mut File) -> Result<Kernel, Error> {
    let end = check(file, low_memory_bytes)?;
    let loaded = Elf::load(memory, None, file, None).map_err(Error::Load)?;
    let entry = match loaded.pvh_boot_cap {
        PvhBootCapability::PvhEntryPresent(address) => Entry::Pvh(address.0),
        _ => Entry::Linux(loaded.kernel_load.0),
    };
    let address = match entry {
        Entry::Pvh(address) | Entry::Linux(address) => address,
    };
    if !memory.check_range(vm_memory::GuestAddress(address), 1, vm_memory::Permissions::Read) {
        return Err(Error::TooSmall {
            end: address,
            size: low_memory_bytes,
        });
    }
    Ok(Kernel { entry, end })
}

/// Refuses what is no x86-64 ELF executable or does not fit; returns the first address behind the kernel.
fn check(file: &mut File, low_memory_bytes: u64) -> Result<u64, Error> {
    let mut header = [0; 64];
    let read = |error| Error::Read("kernel", error);
    file.rewind().map_err(read)?;
    file.read_exact(&mut header)
        .map_err(|_| Error::Foreign("too short to be an ELF file"))?;
    if header[..4] != *b"\x7fELF" {
        return Err(Error::Foreign("not an ELF file"));
    }
    if header[4] != 2 {
        return Err(Error::Foreign("a 32-bit ELF file"));
    }
    if u16_at(&header, 18) != EM_X86_64 {
        return Err(Error::Foreign("for another machine"));
    }
    if usize::from(u16_at(&header, 54)) != PHDR_SIZE {
        return Err(Error::Foreign("an ELF file without proper program headers"));
    }
    let mut headers = vec![0; usize::from(u16_at(&header, 56)) * PHDR_SIZE];
    file.seek(SeekFrom::Start(u64_at(&header, 32))).map_err(read)?;
    file.read_exact(&mut headers).map_err(read)?;
    let mut end = 0;
    for segment in headers.chunks_exact(PHDR_SIZE) {
        let (address, memory_size) = (u64_at(segment, 24), u64_at(segment, 40));
        if u32_at(segment, 0) != PT_LOAD || memory_size == 0 {
            continue;
        }
        if address < layout::HIGH_MEMORY {
            return Err(Error::TooLow(address));
        }
        end = end.max(address.saturating_add(memory_size));
    }
    if end == 0 {
        return Err(Error::Foreign("an ELF file with nothing to load"));
    }
    if end > low_memory_bytes {
        return Err(Error::TooSmall {
            end,
            size: low_memory_bytes,
        });
    }
    Ok(end)
}

fn bytes_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    let mut value = [0; N];
    value.copy_from_slice(&bytes[offset..offset + N]);
    value
}

fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(bytes_at(bytes, offset))
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes_at(bytes, offset))
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes_at(bytes, offset))
}
