//! `boot_params`, page tables: the Linux 64-bit protocol (`Documentation/arch/x86/boot.rst`, "64-bit Boot Protocol").

use linux_loader::{
    bootparam::{E820_MAX_ENTRIES_ZEROPAGE, boot_e820_entry, boot_params},
    configurator::{BootConfigurator, BootParams, linux::LinuxBootConfigurator},
};
use vm_memory::{Bytes, GuestAddress};

use super::{Error, Initrd, MemoryRange, layout};
use crate::memory::GuestMemory;

/// `boot_flag` of the setup header.
const BOOT_FLAG: u16 = 0xaa55;
/// "HdrS".
const HEADER: u32 = 0x5372_6448;
/// `type_of_loader`: undefined loader.
const LOADER_UNDEFINED: u8 = 0xff;
/// `kernel_alignment` that the protocol asks loaders to fill in where the file had none.
const KERNEL_ALIGNMENT: u32 = 0x0100_0000;
/// E820 types.
const E820_RAM: u32 = 1;
const E820_RESERVED: u32 = 2;

/// Present, writable.
const TABLE: u64 = 0b11;
/// Present, writable, 2 MiB page.
const LARGE_PAGE: u64 = 0b1000_0011;

/// Writes the zero page and an identity map of the first GiB.
pub(super) fn write(
    memory: &GuestMemory,
    map: &[MemoryRange],
    initrd: Option<Initrd>,
    command_line_length: u32,
) -> Result<(), Error> {
    let mut params = boot_params::default();
    params.hdr.type_of_loader = LOADER_UNDEFINED;
    params.hdr.boot_flag = BOOT_FLAG;
    params.hdr.header = HEADER;
    params.hdr.cmd_line_ptr = layout::COMMAND_LINE as u32;
    params.hdr.cmdline_size = command_line_length + 1;
    params.hdr.kernel_alignment = KERNEL_ALIGNMENT;
    if let Some(initrd) = initrd {
        params.hdr.ramdisk_image = initrd.start as u32;
        params.hdr.ramdisk_size = initrd.length as u32;
    }
    let count = map.len().min(E820_MAX_ENTRIES_ZEROPAGE);
    for (entry, range) in params.e820_table.iter_mut().zip(map) {
        *entry = boot_e820_entry {
            addr: range.start,
            size: range.length,
            r#type: if range.is_ram { E820_RAM } else { E820_RESERVED },
        };
    }
    params.e820_entries = count as u8;
    let params = BootParams::new(&params, GuestAddress(layout::ZERO_PAGE));
    LinuxBootConfigurator::write_bootparams(&params, memory).map_err(|_| Error::TooSmall {
        end: layout::HIGH_MEMORY,
        size: 0,
    })?;
    page_tables(memory)
}

fn page_tables(memory: &GuestMemory) -> Result<(), Error> {
    let [pml4, pdpt, pd] = [0, 1, 2].map(|page| layout::PAGE_TABLES + page * 4096);
    memory.write_obj(pdpt | TABLE, GuestAddress(pml4))?;
    memory.write_obj(pd | TABLE, GuestAddress(pdpt))?;
    let mut directory = [0; 4096];
    for (index, entry) in directory.chunks_exact_mut(8).enumerate() {
        entry.copy_from_slice(&(((index as u64) << 21) | LARGE_PAGE).to_le_bytes());
    }
    memory.write_slice(&directory, GuestAddress(pd))?;
    Ok(())
}
