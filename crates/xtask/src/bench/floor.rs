//! The floor: what KVM itself takes, with nothing of ours around it.
//!
//! Creates a VM with one vCPU, lets its ring 3 touch as many pages as a guest of ours has touched when its first byte came, and
//! ends at the first exit to user space. The vCPU starts in 64-bit mode, in ring 3, in 2 MiB user pages: no boot, no kernel.

use std::{ptr::NonNull, time::Instant};

use anyhow::{Context as _, Result, ensure};
use kvm_bindings::{kvm_regs, kvm_segment, kvm_userspace_memory_region};
use kvm_ioctls::{Kvm, VcpuExit, VcpuFd, VmFd};
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use crate::figures::Summary;

/// Guest memory, as our guests have by default.
const MEMORY_BYTES: usize = 128 << 20;
/// Where the page tables are: PML4, PDPT, one page directory.
const TABLES: usize = 0x1000;
/// Where the program is.
const CODE: usize = 0x10_000;
/// From here on pages are touched.
const DATA: usize = 0x20_0000;
/// An address in the first gigabyte that no memory is behind: writing there is an exit.
const HOLE: u64 = 0x3000_0000;
/// A page.
const PAGE: usize = 4096;

/// touch: mov [rdi], rdi; add rdi, 4096; dec rcx; jnz touch; mov [rsi], eax; jmp .
const PROGRAM: [u8; 19] = [
    0x48, 0x89, 0x3f, // mov [rdi], rdi
    0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, // add rdi, 4096
    0x48, 0xff, 0xc9, // dec rcx
    0x75, 0xf1, // jnz -15
    0x89, 0x06, // mov [rsi], eax
    0xeb, 0xfe, // jmp .
];

/// Page table entry bits: present, writable, user, and in a directory "this is a 2 MiB page". Intel SDM 4.5.
const TABLE: u64 = 0b111;
const LARGE: u64 = 1 << 7 | TABLE;

/// Guest memory, unmapped when dropped.
struct Memory(NonNull<u8>);

impl Memory {
    fn new() -> Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: no address is asked for, so no mapping that somebody uses is replaced.
        let start = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                MEMORY_BYTES,
                ProtFlags::READ | ProtFlags::WRITE,
                flags,
            )
        }?;
        NonNull::new(start.cast())
            .map(Self)
            .context("mmap gave address zero")
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> Result<()> {
        ensure!(
            offset
                .checked_add(bytes.len())
                .is_some_and(|end| end <= MEMORY_BYTES),
            "outside guest memory"
        );
        // SAFETY: 1. the range is inside the mapping, as just checked; 2. no vCPU runs while `self` is borrowed mutably here.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.as_ptr().add(offset), bytes.len()) };
        Ok(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, has this length, and its VM is gone: it was declared after the memory.
        // A failure would mean that the mapping is not there, which leaves nothing to do.
        let _ = unsafe { munmap(self.0.as_ptr().cast(), MEMORY_BYTES) };
    }
}

/// Measures `count` times with `pages` pages.
pub(super) fn measure(count: u32, pages: u64) -> Result<Summary> {
    let room = ((MEMORY_BYTES - DATA) / PAGE) as u64;
    ensure!(
        pages > 0,
        "no guest page was seen to be touched; did the bench find the VMM's guest memory?"
    );
    ensure!(
        pages <= room,
        "{pages} pages are more than the floor's guest has ({room})"
    );
    let mut times = Vec::new();
    for _ in 0..count {
        times.push(once(pages)?);
    }
    Summary::of(times).context("the floor was not measured")
}

/// From `open("/dev/kvm")` to the first exit, in milliseconds.
fn once(pages: u64) -> Result<f64> {
    let begin = Instant::now();
    let kvm = Kvm::new().context("/dev/kvm; see 'uigniter doctor'")?;
    let mut memory = Memory::new()?;
    fill(&mut memory)?;
    let vm = kvm.create_vm()?;
    attach(&vm, &memory)?;
    let mut vcpu = vm.create_vcpu(0)?;
    vcpu.set_cpuid2(&kvm.get_supported_cpuid(kvm_bindings::KVM_MAX_CPUID_ENTRIES)?)?;
    into_ring_3(&vcpu, pages)?;
    let exit = vcpu.run()?;
    ensure!(
        matches!(exit, VcpuExit::MmioWrite(HOLE, _)),
        "the floor's guest ended otherwise than it should: {exit:?}; see dmesg"
    );
    let took = begin.elapsed();
    drop(vcpu);
    drop(vm);
    Ok(took.as_secs_f64() * 1e3)
}

/// Page tables for the first gigabyte, and the program.
fn fill(memory: &mut Memory) -> Result<()> {
    memory.write(TABLES, &((TABLES + PAGE) as u64 | TABLE).to_le_bytes())?;
    memory.write(TABLES + PAGE, &((TABLES + 2 * PAGE) as u64 | TABLE).to_le_bytes())?;
    for entry in 0..512u64 {
        memory.write(
            TABLES + 2 * PAGE + 8 * entry as usize,
            &(entry << 21 | LARGE).to_le_bytes(),
        )?;
    }
    memory.write(CODE, &PROGRAM)
}

fn attach(vm: &VmFd, memory: &Memory) -> Result<()> {
    let region = kvm_userspace_memory_region {
        slot: 0,
        flags: 0,
        guest_phys_addr: 0,
        memory_size: MEMORY_BYTES as u64,
        userspace_addr: memory.0.as_ptr() as u64,
    };
    // SAFETY: the range is a mapping of this process's that outlives the VM (see `once`: the VM is dropped first).
    Ok(unsafe { vm.set_user_memory_region(region) }?)
}

/// 64-bit mode, ring 3, about to run the program. Intel SDM 9.8.5, 5.2.1.
fn into_ring_3(vcpu: &VcpuFd, pages: u64) -> Result<()> {
    let mut sregs = vcpu.get_sregs()?;
    let data = kvm_segment {
        selector: 0x23,
        limit: u32::MAX,
        type_: 3,
        present: 1,
        dpl: 3,
        db: 1,
        s: 1,
        g: 1,
        ..Default::default()
    };
    sregs.cs = kvm_segment {
        selector: 0x2b,
        type_: 11,
        db: 0,
        l: 1,
        ..data
    };
    (sregs.ds, sregs.es, sregs.fs, sregs.gs, sregs.ss) = (data, data, data, data, data);
    sregs.cr3 = TABLES as u64;
    sregs.cr4 = 1 << 5; // PAE
    sregs.cr0 = 1 << 31 | 1 << 4 | 1; // PG, ET, PE
    sregs.efer = 1 << 10 | 1 << 8; // LMA, LME
    vcpu.set_sregs(&sregs)?;
    let regs = kvm_regs {
        rip: CODE as u64,
        rflags: 2,
        rdi: DATA as u64,
        rsi: HOLE,
        rcx: pages,
        ..Default::default()
    };
    Ok(vcpu.set_regs(&regs)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_that_touches_pages_ends_at_the_hole() {
        assert!(
            std::path::Path::new("/dev/kvm").exists(),
            "this test needs /dev/kvm; see 'uigniter doctor'"
        );
        let few = measure(3, 1).unwrap();
        let many = measure(3, 8000).unwrap();
        assert!(many.median > few.median, "{few} against {many}");
    }
}
