//! The guest-physical map, as Firecracker lays it out on x86-64, and nothing but numbers.

/// First address of the hole for devices, interrupt controllers and firmware: 3 GiB.
pub(crate) const HOLE_START: u64 = 3 << 30;
/// End of the hole: 4 GiB.
pub(crate) const HOLE_END: u64 = 4 << 30;

/// Unit of the place of files that are the guest's memory, behind its own: a guest's page table for large pages.
pub(crate) const PMEM_ALIGNMENT: u64 = 1 << 30;
/// Bytes of the window that is kept ready for such a file. KVM takes 2.5 KiB per MiB for it.
pub(crate) const PMEM_READY: u64 = 128 << 20;

/// `hvm_start_info` of the PVH protocol.
pub(crate) const PVH_INFO: u64 = 0x6000;
/// Module list of the PVH protocol (initrd).
pub(crate) const PVH_MODULES: u64 = 0x6040;
/// Memory map of the PVH protocol.
pub(crate) const PVH_MEMORY_MAP: u64 = 0x6100;
/// `boot_params` of the Linux protocol.
pub(crate) const ZERO_PAGE: u64 = 0x7000;
/// First stack pointer, growing down.
pub(crate) const BOOT_STACK: u64 = 0x8ff0;
/// First of three page table pages: PML4, PDPT, PD.
pub(crate) const PAGE_TABLES: u64 = 0x9000;
/// Global descriptor table.
pub(crate) const GDT: u64 = 0x500;
/// Kernel command line.
pub(crate) const COMMAND_LINE: u64 = 0x20000;
/// Longest command line in bytes, its final zero included.
pub(crate) const COMMAND_LINE_MAX: usize = 0x10000;
/// Extended BIOS data area: the MP table lies here.
pub(crate) const EBDA: u64 = 0x9fc00;
/// End of what the MP table may take.
pub(crate) const EBDA_END: u64 = 0xa0000;
/// Kernels are loaded from here on: 1 MiB.
pub(crate) const HIGH_MEMORY: u64 = 0x10_0000;

/// First virtio-mmio window.
pub(crate) const MMIO_START: u64 = 0xd000_0000;
/// Length of each window in bytes.
pub(crate) const MMIO_WINDOW: u64 = 0x1000;
/// Interrupt line of the first window; each next window has the next line.
pub(crate) const MMIO_FIRST_GSI: u32 = 5;
/// Lines of the I/O APIC, 0 to 23.
pub(crate) const IOAPIC_LINES: u32 = 24;
/// So many windows there can be.
pub(crate) const MMIO_SLOTS: usize = (IOAPIC_LINES - MMIO_FIRST_GSI) as usize;

/// Interrupt line of the keyboard controller.
pub(crate) const I8042_GSI: u32 = 1;
/// Interrupt line of the first serial port.
pub(crate) const SERIAL_GSI: u32 = 4;

/// The I/O APIC's registers.
pub(crate) const IOAPIC: u32 = 0xfec0_0000;
/// The local APIC's registers.
pub(crate) const LOCAL_APIC: u32 = 0xfee0_0000;
/// Three pages that KVM needs on Intel CPUs (`KVM_SET_TSS_ADDR`).
pub(crate) const KVM_TSS: usize = 0xfffb_d000;

const _: () = assert!(COMMAND_LINE + COMMAND_LINE_MAX as u64 <= EBDA);
const _: () = assert!(PAGE_TABLES + 3 * 4096 <= COMMAND_LINE);
const _: () = assert!(MMIO_START + MMIO_SLOTS as u64 * MMIO_WINDOW <= IOAPIC as u64);
