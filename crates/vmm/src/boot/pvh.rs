//! `hvm_start_info` and its tables (Xen, `xen/include/public/arch-x86/hvm/start_info.h`, version 1).

use linux_loader::{
    configurator::{BootConfigurator, BootParams, pvh::PvhBootConfigurator},
    loader::elf::start_info::{
        XEN_HVM_MEMMAP_TYPE_RAM, XEN_HVM_MEMMAP_TYPE_RESERVED, XEN_HVM_START_MAGIC_VALUE,
        hvm_memmap_table_entry, hvm_modlist_entry, hvm_start_info,
    },
};
use vm_memory::{Bytes, GuestAddress};

use super::{Error, Initrd, MemoryRange, layout};
use crate::memory::GuestMemory;

/// Writes start info, memory map and, with an initrd, the module list.
pub(super) fn write(memory: &GuestMemory, map: &[MemoryRange], initrd: Option<Initrd>) -> Result<(), Error> {
    let mut info = hvm_start_info {
        magic: XEN_HVM_START_MAGIC_VALUE,
        version: 1,
        cmdline_paddr: layout::COMMAND_LINE,
        memmap_paddr: layout::PVH_MEMORY_MAP,
        memmap_entries: map.len() as u32,
        ..Default::default()
    };
    if let Some(initrd) = initrd {
        let module = hvm_modlist_entry {
            paddr: initrd.start,
            size: initrd.length,
            ..Default::default()
        };
        info.nr_modules = 1;
        info.modlist_paddr = layout::PVH_MODULES;
        memory.write_slice(&module.paddr.to_le_bytes(), GuestAddress(layout::PVH_MODULES))?;
        memory.write_slice(&module.size.to_le_bytes(), GuestAddress(layout::PVH_MODULES + 8))?;
    }
    let entries: Vec<_> = map
        .iter()
        .map(|range| hvm_memmap_table_entry {
            addr: range.start,
            size: range.length,
            type_: if range.is_ram {
                XEN_HVM_MEMMAP_TYPE_RAM
            } else {
                XEN_HVM_MEMMAP_TYPE_RESERVED
            },
            reserved: 0,
        })
        .collect();
    let mut params = BootParams::new(&info, GuestAddress(layout::PVH_INFO));
    params.set_sections(&entries, GuestAddress(layout::PVH_MEMORY_MAP));
    // The layout's constants lie inside the smallest memory, so only a memory too small for booting fails here.
    PvhBootConfigurator::write_bootparams(&params, memory).map_err(|_| Error::TooSmall {
        end: layout::HIGH_MEMORY,
        size: 0,
    })
}
