//! First register contents of the boot CPU, as the two boot protocols want them.

use kvm_bindings::{Msrs, kvm_msr_entry, kvm_regs, kvm_segment, kvm_sregs};
use kvm_ioctls::VcpuFd;
use vm_memory::{Bytes, GuestAddress};

use super::{Error, refused};
use crate::{
    boot::{Entry, layout},
    memory::GuestMemory,
};

/// Control register 0: protected mode, extension type, paging.
const CR0_PE: u64 = 1;
const CR0_ET: u64 = 1 << 4;
const CR0_PG: u64 = 1 << 31;
/// Control register 4: physical address extension.
const CR4_PAE: u64 = 1 << 5;
/// Extended features: long mode enabled and active.
const EFER_LME: u64 = 1 << 8;
const EFER_LMA: u64 = 1 << 10;
/// The bit of RFLAGS that is always set.
const RFLAGS: u64 = 2;

/// `IA32_MTRR_DEF_TYPE`: MTRRs on, default write-back; else Linux treats all memory as uncacheable.
const MSR_MTRR_DEF_TYPE: u32 = 0x2ff;
const MTRR_WRITE_BACK: u64 = (1 << 11) | 6;
/// `IA32_MISC_ENABLE`: fast string operations.
const MSR_MISC_ENABLE: u32 = 0x1a0;
const FAST_STRING: u64 = 1;

/// Sets the few model-specific registers that a fresh vCPU has not as firmware leaves them.
pub(super) fn set_model_specific(vcpu: &VcpuFd) -> Result<(), kvm_ioctls::Error> {
    for (index, data) in [
        (MSR_MISC_ENABLE, FAST_STRING),
        (MSR_MTRR_DEF_TYPE, MTRR_WRITE_BACK),
    ] {
        let entry = kvm_msr_entry {
            index,
            data,
            ..Default::default()
        };
        if let Ok(msrs) = Msrs::from_entries(&[entry]) {
            // A kind of KVM that lacks one of them sets none, and no guest of ours needs it.
            vcpu.set_msrs(&msrs)?;
        }
    }
    Ok(())
}

/// Puts the boot CPU at `entry`.
///
/// # Errors
///
/// [`Error::Refused`].
pub(crate) fn set_entry(vcpu: &VcpuFd, memory: &GuestMemory, entry: Entry) -> Result<(), Error> {
    let mut special = vcpu.get_sregs().map_err(refused("tell registers"))?;
    let mut general = kvm_regs {
        rflags: RFLAGS,
        ..Default::default()
    };
    match entry {
        Entry::Pvh(address) => {
            general.rip = address;
            general.rbx = layout::PVH_INFO;
            segments(&mut special, memory, 0xc09b, 0x008b)?;
            special.cr0 = CR0_PE | CR0_ET;
            special.cr4 = 0;
            special.efer = 0;
        }
        Entry::Linux(address) => {
            general.rip = address;
            general.rsi = layout::ZERO_PAGE;
            general.rsp = layout::BOOT_STACK;
            general.rbp = layout::BOOT_STACK;
            segments(&mut special, memory, 0xa09b, 0x808b)?;
            special.cr0 = CR0_PE | CR0_ET | CR0_PG;
            special.cr3 = layout::PAGE_TABLES;
            special.cr4 = CR4_PAE;
            special.efer = EFER_LME | EFER_LMA;
        }
    }
    vcpu.set_sregs(&special)
        .map_err(refused("set segment registers"))?;
    vcpu.set_regs(&general).map_err(refused("set registers"))
}

/// Loads flat segments and writes the descriptor table that they come from.
///
/// Flags are bits 40 to 55 of a descriptor: type, S, DPL, P in the low byte, AVL, L, D/B, G in the top four bits.
fn segments(special: &mut kvm_sregs, memory: &GuestMemory, code: u16, task: u16) -> Result<(), Error> {
    let limit = |flags: u16| if flags & 0x8000 == 0 { 0x67 } else { 0xf_ffff };
    let table = [(0u16, 0u64), (1, code.into()), (2, 0xc093), (3, task.into())].map(|(index, flags)| {
        let flags = flags as u16;
        if flags == 0 {
            return (kvm_segment::default(), 0);
        }
        let raw = limit(flags);
        let descriptor =
            (u64::from(raw) & 0xffff) | (u64::from(flags) << 40) | ((u64::from(raw) >> 16) << 48);
        (segment(index, flags, raw), descriptor)
    });
    for (index, (_, descriptor)) in table.iter().enumerate() {
        let address = GuestAddress(layout::GDT + index as u64 * 8);
        memory
            .write_obj(*descriptor, address)
            .map_err(|_| Error::Lacks("memory for a descriptor table"))?;
    }
    special.gdt.base = layout::GDT;
    special.gdt.limit = (table.len() * 8 - 1) as u16;
    special.idt.base = 0;
    special.idt.limit = 0;
    special.cs = table[1].0;
    for register in [
        &mut special.ds,
        &mut special.es,
        &mut special.fs,
        &mut special.gs,
        &mut special.ss,
    ] {
        *register = table[2].0;
    }
    special.tr = table[3].0;
    Ok(())
}

fn segment(index: u16, flags: u16, limit: u32) -> kvm_segment {
    let bit = |position: u16| ((flags >> position) & 1) as u8;
    kvm_segment {
        base: 0,
        // KVM wants the limit in bytes where the granularity bit is set.
        limit: if bit(15) == 1 {
            (limit << 12) | 0xfff
        } else {
            limit
        },
        selector: index * 8,
        type_: (flags & 0xf) as u8,
        s: bit(4),
        dpl: ((flags >> 5) & 3) as u8,
        present: bit(7),
        avl: bit(12),
        l: bit(13),
        db: bit(14),
        g: bit(15),
        unusable: 0,
        padding: 0,
    }
}
