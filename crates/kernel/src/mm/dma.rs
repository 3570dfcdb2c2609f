//! Memory that devices reach: physically contiguous, and translation of kernel and program addresses.

use core::ptr::NonNull;

/// Physically contiguous, zeroed memory; never freed (rings and buffers live as long as the VM).
///
/// Gives the address for the kernel and the guest-physical one for the device.
///
/// # Panics
///
/// When there is no such run of memory left: devices are set up once, at boot.
#[must_use]
pub fn alloc(bytes: usize) -> (NonNull<u8>, u64) {
    imp::alloc(bytes.div_ceil(super::PAGE_SIZE).next_power_of_two())
}

/// The guest-physical address of a mapped kernel or program address; `None` if it is not mapped. Valid up to the end of that page.
#[must_use]
pub fn translate(address: u64) -> Option<u64> {
    imp::translate(address)
}

/// The kernel's address of a device register window, or of memory, at a guest-physical address below 512 GiB.
#[must_use]
pub fn mmio(physical: u64) -> NonNull<u8> {
    imp::mmio(physical)
}

/// Makes memory that is not the VM's own (a device's) part of the linear map, so that [`mmio`] names it. False where there is no room for it.
#[must_use]
pub fn map_memory(physical: u64, bytes: u64) -> bool {
    imp::map_memory(physical, bytes)
}

#[cfg(feature = "elf")]
mod imp {
    use crate::{
        arch::layout,
        mm::{frames, paging},
    };
    use core::ptr::NonNull;

    #[expect(clippy::panic, reason = "only at boot, where there is nothing to go on with")]
    pub(super) fn alloc(pages: usize) -> (NonNull<u8>, u64) {
        match frames::alloc_zeroed(pages.trailing_zeros() as u8) {
            Some(block) => (mmio(block), block),
            None => panic!("no memory for a device: give the VM more (at least 8 MiB)"),
        }
    }

    pub(super) fn translate(address: u64) -> Option<u64> {
        match address {
            layout::KERNEL.. => Some(address - layout::KERNEL),
            layout::LINEAR.. => Some(address - layout::LINEAR),
            _ => paging::translate(address),
        }
    }

    pub(super) fn map_memory(physical: u64, bytes: u64) -> bool {
        physical
            .checked_add(bytes)
            .is_some_and(|end| end <= layout::LINEAR_SIZE && paging::extend_linear(physical, end).is_ok())
    }

    pub(super) fn mmio(physical: u64) -> NonNull<u8> {
        NonNull::new(layout::linear(physical % layout::LINEAR_SIZE) as *mut u8).unwrap_or(NonNull::dangling())
    }
}

/// On the host, addresses are their own guest-physical ones.
#[cfg(not(feature = "elf"))]
mod imp {
    use alloc::vec;
    use core::ptr::NonNull;

    pub(super) fn alloc(pages: usize) -> (NonNull<u8>, u64) {
        let size = crate::mm::PAGE_SIZE;
        let memory = vec![0u8; (pages + 1) * size].leak();
        let skip = memory.as_ptr().align_offset(size);
        let at = NonNull::from(&mut memory[skip..]).cast();
        (at, at.as_ptr() as u64)
    }

    pub(super) fn translate(address: u64) -> Option<u64> {
        Some(address)
    }

    pub(super) fn map_memory(_physical: u64, _bytes: u64) -> bool {
        true
    }

    pub(super) fn mmio(physical: u64) -> NonNull<u8> {
        NonNull::new(physical as *mut u8).unwrap_or(NonNull::dangling())
    }
}
