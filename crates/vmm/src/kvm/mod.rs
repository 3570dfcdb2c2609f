//! The virtual machine itself: KVM's VM, its interrupt controllers, its memory slots and its CPUs.
//!
//! [`Host`] is what can be had before anything is known of the guest (opened device, supported CPUID). [`Vm::build`] adds
//! memory **before** the interrupt controllers: the other order makes KVM wait about 6 ms for a grace period.

pub(crate) mod cpuid;
mod registers;
pub(crate) mod vcpu;

use std::sync::Arc;

use kvm_bindings::{
    CpuId, KVM_MAX_CPUID_ENTRIES, KVM_MEM_LOG_DIRTY_PAGES, KVM_MEM_READONLY, kvm_irqchip,
    kvm_userspace_memory_region,
};
use kvm_ioctls::{Cap, IoEventAddress, Kvm, VcpuFd, VmFd};
use vm_memory::{Address, GuestMemoryBackend, GuestMemoryRegion, MemoryRegionAddress};
use vmm_sys_util::eventfd::EventFd;

use crate::{
    boot::layout,
    devices::virtio::pmem,
    memory::{self, GuestMemory},
};

pub(crate) use registers::set_entry;

/// `struct kvm_irqchip.chip_id` of the two 8259s.
const PICS: [u32; 2] = [0, 1];

/// Slots for windows come after those of memory, of which there are two at most.
const FIRST_WINDOW_SLOT: u32 = 2;

/// Why there is no virtual machine.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `/dev/kvm` cannot be opened.
    #[error("cannot open /dev/kvm: {0}; run `uigniter doctor` to see what this host lacks")]
    Open(kvm_ioctls::Error),
    /// KVM is too old or too small.
    #[error("this host's KVM lacks {0}; run `uigniter doctor`")]
    Lacks(&'static str),
    /// An ioctl failed.
    #[error("KVM refused to {0}: {1}")]
    Refused(&'static str, kvm_ioctls::Error),
    /// No guest memory.
    #[error(transparent)]
    Memory(#[from] memory::Error),
    /// No addresses for a file that is to be memory.
    #[error("cannot reserve addresses: {0}")]
    Reserve(std::io::Error),
    /// Such a file.
    #[error(transparent)]
    Pmem(#[from] pmem::Error),
}

/// Names the step of a failed ioctl.
fn refused(step: &'static str) -> impl Fn(kvm_ioctls::Error) -> Error {
    move |error| Error::Refused(step, error)
}

/// What is known of the host before the guest is.
#[derive(Debug)]
pub(crate) struct Host {
    kvm: Kvm,
    cpuid: CpuId,
    /// A VM that waits for its guest; taken by the first [`Vm::build`].
    spare: Option<VmFd>,
}

impl Host {
    /// Opens KVM and creates the first VM.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn open() -> Result<Self, Error> {
        let kvm = Kvm::new().map_err(Error::Open)?;
        if kvm.get_api_version() != kvm_bindings::KVM_API_VERSION as i32 {
            return Err(Error::Lacks("API version 12"));
        }
        for (capability, name) in [
            (Cap::Irqchip, "in-kernel interrupt controllers"),
            (Cap::Ioeventfd, "ioeventfd"),
            (Cap::Irqfd, "irqfd"),
            (Cap::UserMemory, "user memory"),
            (Cap::ReadonlyMem, "read-only memory"),
            (Cap::ImmediateExit, "immediate exit"),
        ] {
            if !kvm.check_extension(capability) {
                return Err(Error::Lacks(name));
            }
        }
        let cpuid = kvm
            .get_supported_cpuid(KVM_MAX_CPUID_ENTRIES)
            .map_err(refused("tell its CPUID"))?;
        let spare = Some(kvm.create_vm().map_err(refused("create a VM"))?);
        Ok(Self { kvm, cpuid, spare })
    }
}

/// What a guest gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Memory in bytes.
    pub(crate) memory_bytes: u64,
    /// Number of CPUs, 1 to 32.
    pub(crate) vcpus: u8,
    /// Two hardware threads per core.
    pub(crate) smt: bool,
    /// Memory from the host's pool of 2 MiB pages.
    pub(crate) huge_pages: bool,
    /// Log which pages the guest writes.
    pub(crate) track_dirty_pages: bool,
}

/// A VM with memory, interrupt controllers and CPUs, ready for a kernel.
#[derive(Debug)]
pub(crate) struct Vm {
    /// Its file descriptor.
    pub(crate) fd: Arc<VmFd>,
    /// Its memory. Declared after `fd`, and so dropped after it: KVM never has a slot without memory behind it.
    pub(crate) memory: Arc<GuestMemory>,
    /// Windows for files that are its memory, likewise; the first is kept ready, to read only.
    pub(crate) windows: Vec<pmem::Window>,
    /// So many of the windows have a file, and the next one's place.
    files: (usize, u64),
    /// Its CPUs, by number; the first boots.
    pub(crate) vcpus: Vec<VcpuFd>,
    /// The shape that it was built for.
    pub(crate) shape: Shape,
    /// The vCPUs have the ring of coalesced MMIO writes.
    pub(crate) coalesced: bool,
}

impl Vm {
    /// Builds a VM of `shape`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn build(host: &mut Host, shape: Shape) -> Result<Self, Error> {
        let fd = match host.spare.take() {
            Some(vm) => vm,
            None => host.kvm.create_vm().map_err(refused("create a VM"))?,
        };
        let memory = memory::map(shape.memory_bytes, shape.huge_pages)?;
        register_memory(&fd, &memory, shape.track_dirty_pages)?;
        let end = memory.last_addr().raw_value() + 1;
        let place = end.max(layout::HOLE_END).next_multiple_of(layout::PMEM_ALIGNMENT);
        // Here and not when the file is known: with interrupt controllers there, KVM waits 8 ms for a grace period.
        let window = register_window(&fd, FIRST_WINDOW_SLOT, place, layout::PMEM_READY, true)?;
        fd.set_tss_address(layout::KVM_TSS)
            .map_err(refused("take a TSS address"))?;
        fd.create_irq_chip()
            .map_err(refused("create interrupt controllers"))?;
        mask_pics(&fd)?;
        let coalesced = host.kvm.check_extension(Cap::CoalescedMmio);
        let mut vcpus = Vec::with_capacity(usize::from(shape.vcpus));
        for id in 0..shape.vcpus {
            let mut vcpu = fd
                .create_vcpu(u64::from(id))
                .map_err(refused("create a virtual CPU; is vcpu_count too high?"))?;
            if coalesced {
                vcpu.map_coalesced_mmio_ring()
                    .map_err(refused("map its ring of coalesced writes"))?;
            }
            let tsc_khz = vcpu.get_tsc_khz().unwrap_or(0);
            let topology = cpuid::Topology {
                id,
                vcpus: shape.vcpus,
                threads_per_core: if shape.smt { 2 } else { 1 },
            };
            let cpuid = cpuid::build(&host.cpuid, topology, tsc_khz);
            vcpu.set_cpuid2(&cpuid).map_err(refused("set the CPUID"))?;
            registers::set_model_specific(&vcpu).map_err(refused("set model-specific registers"))?;
            vcpus.push(vcpu);
        }
        Ok(Self {
            fd: Arc::new(fd),
            memory,
            windows: vec![window],
            files: (0, place),
            vcpus,
            shape,
            coalesced,
        })
    }

    /// Makes a file part of guest-physical memory, in the window that is kept ready if it fits there, and tells the file where.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn map_file(&mut self, file: &mut pmem::Backing) -> Result<(), Error> {
        let (count, place) = self.files;
        let is_ready = count == 0 && file.is_read_only() && file.size() <= layout::PMEM_READY;
        // A window that is not used stays as it is, and so does its place.
        let place = if count == 0 && !is_ready {
            place + layout::PMEM_READY
        } else {
            place
        };
        if !is_ready {
            let slot = FIRST_WINDOW_SLOT + self.windows.len() as u32;
            let window = register_window(&self.fd, slot, place, file.size(), file.is_read_only())?;
            self.windows.push(window);
        }
        let window = if is_ready {
            self.windows.first()
        } else {
            self.windows.last()
        };
        if let Some(window) = window {
            file.map(window)?;
            file.place(place);
            let next = place + window.bytes();
            self.files = (count + 1, next);
        }
        Ok(())
    }

    /// Raises interrupt line `gsi` at each write of `event`: an edge, without an exit to us.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`].
    pub(crate) fn connect_interrupt(&self, event: &EventFd, gsi: u32) -> Result<(), Error> {
        self.fd
            .register_irqfd(event, gsi)
            .map_err(refused("connect an interrupt"))
    }

    /// Turns a write of 32-bit `value` at `address` into a write of `event`, without an exit to us.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`].
    pub(crate) fn connect_doorbell(&self, event: &EventFd, address: u64, value: u32) -> Result<(), Error> {
        self.fd
            .register_ioevent(event, &IoEventAddress::Mmio(address), value)
            .map_err(refused("connect a doorbell"))
    }

    /// Lets KVM queue writes in `[address, address + length)` until the next exit; see [`vcpu`].
    ///
    /// # Errors
    ///
    /// [`Error::Refused`].
    pub(crate) fn coalesce_writes(&self, address: u64, length: u32) -> Result<(), Error> {
        if !self.coalesced {
            return Ok(());
        }
        self.fd
            .register_coalesced_mmio(IoEventAddress::Mmio(address), length)
            .map_err(refused("coalesce writes"))
    }
}

fn register_memory(vm: &VmFd, memory: &GuestMemory, track: bool) -> Result<(), Error> {
    for (slot, region) in memory.iter().enumerate() {
        let host_address = region
            .get_host_address(MemoryRegionAddress(0))
            .map_err(|_| Error::Lacks("an address for guest memory"))?;
        let slot = kvm_userspace_memory_region {
            slot: slot as u32,
            flags: if track { KVM_MEM_LOG_DIRTY_PAGES } else { 0 },
            guest_phys_addr: region.start_addr().raw_value(),
            memory_size: region.len(),
            userspace_addr: host_address as u64,
        };
        // SAFETY: 1. the range is a mapping of this process of exactly this length;
        // 2. it outlives the VM, see the order of fields in `Vm`;
        // 3. guest memory is only accessed through volatile slices.
        unsafe { vm.set_user_memory_region(slot) }.map_err(refused("take guest memory"))?;
    }
    Ok(())
}

/// Makes a range of this process's addresses, zeros until a file is laid there, a slot at `place`.
fn register_window(
    vm: &VmFd,
    slot: u32,
    place: u64,
    bytes: u64,
    is_read_only: bool,
) -> Result<pmem::Window, Error> {
    let window = pmem::Window::reserve(bytes).map_err(Error::Reserve)?;
    let region = kvm_userspace_memory_region {
        slot,
        flags: if is_read_only { KVM_MEM_READONLY } else { 0 },
        guest_phys_addr: place,
        memory_size: window.bytes(),
        userspace_addr: window.host_address(),
    };
    // SAFETY: 1. the range is a mapping of this process of exactly this length, which stays mapped as long as the window lives;
    // 2. it outlives the VM, see the order of fields in `Vm`; 3. this process never reads or writes there.
    unsafe { vm.set_user_memory_region(region) }.map_err(refused("take a file as memory"))?;
    Ok(window)
}

/// Masks all lines of both 8259s, as firmware leaves them.
///
/// KVM wires lines 0 to 15 to the 8259s *and* to the I/O APIC, and its reset state lets the former through: a guest that uses the
/// I/O APIC alone would get each interrupt twice. A guest that wants the 8259s programs them anyway.
fn mask_pics(vm: &VmFd) -> Result<(), Error> {
    for chip_id in PICS {
        let mut chip = kvm_irqchip {
            chip_id,
            ..Default::default()
        };
        vm.get_irqchip(&mut chip)
            .map_err(refused("tell the interrupt controller's state"))?;
        chip.chip.pic.imr = 0xff;
        vm.set_irqchip(&chip)
            .map_err(refused("mask the interrupt controller"))?;
    }
    Ok(())
}
