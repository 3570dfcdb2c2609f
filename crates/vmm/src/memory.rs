//! Guest memory: private anonymous mappings without swap reservation, split around the device hole below 4 GiB.

use std::sync::Arc;

use vm_memory::{
    GuestAddress, GuestMemoryBackend, GuestMemoryMmap, GuestMemoryRegion, GuestRegionMmap, MmapRegion,
    mmap::{FromRangesError, MmapRegionBuilder, MmapRegionError},
};

use crate::boot::layout;

/// So much from the start of memory is backed by huge pages where the host has them: kernel, its heap, a small program.
///
/// Measured on the pagetable kind of KVM: the guest's first touch of 8 MiB takes 12 ms in small pages and 7 ms in huge ones, and half of what is
/// left is spent by the guest's own instructions. More than this would cost memory that small guests never touch.
const WARM_BYTES: u64 = 8 << 20;

/// So much at either end of a region stays in small pages but for [`WARM_BYTES`]: the guest takes single pages from the low end and blocks from the high
/// one, and a small program leaves what is between untouched.
///
/// What is between is backed by huge pages, if the host has them at hand. Measured on the pagetable kind of KVM: the guest's first touch of 2 MiB took
/// 0.65 ms in small pages and 0.40 to 0.47 ms in huge ones, 0.60 ms in a process of the host.
const SMALL_BYTES: u64 = 16 << 20;

/// All memory of a guest.
pub(crate) type GuestMemory = GuestMemoryMmap<()>;

/// Why there is no guest memory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `mmap(2)` failed.
    #[error("cannot map {mib} MiB of guest memory: {error}; lower mem_size_mib or free memory")]
    Map {
        /// Size of the region in MiB.
        mib: u64,
        /// What `mmap(2)` said.
        error: MmapRegionError,
    },
    /// The pieces do not form a guest memory.
    #[error("cannot lay out guest memory: {0}")]
    Layout(#[from] FromRangesError),
}

/// Guest-physical ranges that `bytes` of memory take: all below the hole, the rest from 4 GiB on.
pub(crate) fn ranges(bytes: u64) -> Vec<(GuestAddress, u64)> {
    let low = bytes.min(layout::HOLE_START);
    let mut ranges = vec![(GuestAddress(0), low)];
    if bytes > low {
        ranges.push((GuestAddress(layout::HOLE_END), bytes - low));
    }
    ranges
}

/// Maps `bytes` of guest memory; `huge` takes 2 MiB pages from the host's hugetlb pool.
///
/// # Errors
///
/// See [`Error`].
pub(crate) fn map(bytes: u64, huge: bool) -> Result<Arc<GuestMemory>, Error> {
    let mut regions = Vec::new();
    for (start, length) in ranges(bytes) {
        let mut flags = libc::MAP_ANONYMOUS | libc::MAP_PRIVATE | libc::MAP_NORESERVE;
        if huge {
            flags |= libc::MAP_HUGETLB | libc::MAP_HUGE_2MB;
        }
        let mapping: MmapRegion<()> = MmapRegionBuilder::new(length as usize)
            .with_mmap_prot(libc::PROT_READ | libc::PROT_WRITE)
            .with_mmap_flags(flags)
            .build()
            .map_err(|error| Error::Map {
                mib: length >> 20,
                error,
            })?;
        if let Some((offset, bytes)) = middle(length).filter(|_| !huge) {
            // SAFETY: 1. `middle` gives a part of the region, page-aligned, which is one anonymous mapping;
            // 2. the advice does not change what is read from it. Hosts that do not know it just have small pages.
            unsafe {
                let start = mapping.as_ptr().add(offset as usize);
                libc::madvise(start.cast(), bytes as usize, libc::MADV_HUGEPAGE);
            }
        }
        // `ranges` yields addresses far from the end of the address space, so the region always fits.
        regions.extend(GuestRegionMmap::new(mapping, start));
    }
    Ok(Arc::new(
        GuestMemoryMmap::from_regions(regions).map_err(FromRangesError::from)?,
    ))
}

/// The part of a region of `length` bytes that huge pages are asked for (offset and bytes); none of a small one.
fn middle(length: u64) -> Option<(u64, u64)> {
    (length >= 4 * SMALL_BYTES).then(|| (SMALL_BYTES, length - 2 * SMALL_BYTES))
}

/// Asks for huge pages at the start of memory and, with `populate`, takes them at once.
///
/// Populating belongs where nobody waits: it takes 0.5 ms where huge pages are at hand, 4 ms and more where they are not.
pub(crate) fn warm(memory: &GuestMemory, populate: bool) {
    let length = memory.iter().next().map_or(0, GuestMemoryRegion::len);
    // A guest of the smallest size keeps half of it untouched.
    let length = WARM_BYTES.min(length / 2) as usize;
    let Ok(start) = memory.get_slice(GuestAddress(0), length) else {
        return;
    };
    let advices: &[libc::c_int] = match populate {
        true => &[libc::MADV_HUGEPAGE, libc::MADV_POPULATE_WRITE],
        false => &[libc::MADV_HUGEPAGE],
    };
    for advice in advices {
        // SAFETY: 1. the range is a page-aligned part of one anonymous mapping;
        // 2. neither advice changes what is read from it.
        // Hosts that know none of them just have small pages, on the first touch.
        unsafe { libc::madvise(start.ptr_guard_mut().as_ptr().cast(), length, *advice) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_are_for_what_small_programs_leave_alone() {
        const MIB: u64 = 1 << 20;
        assert_eq!(middle(8 * MIB), None);
        assert_eq!(middle(63 * MIB), None);
        assert_eq!(middle(64 * MIB), Some((16 * MIB, 32 * MIB)));
        assert_eq!(middle(512 * MIB), Some((16 * MIB, 480 * MIB)));
    }

    #[test]
    fn memory_goes_around_the_device_hole() {
        assert_eq!(ranges(8 << 20), [(GuestAddress(0), 8 << 20)]);
        assert_eq!(ranges(3 << 30), [(GuestAddress(0), 3 << 30)]);
        assert_eq!(
            ranges(5 << 30),
            [(GuestAddress(0), 3 << 30), (GuestAddress(4 << 30), 2 << 30)]
        );
    }
}
