//! What a file tells its mappings.

use super::{PAGE, SPACE, page_up};
use crate::{
    arch,
    errno::Result,
    file::File,
    mm::{
        paging::bits,
        vma::{Area, Backing},
    },
};
use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

/// Takes a file's pages (indices) out of its mappings, before the file gives them up or replaces them; with `copies`, also private copies of them, as when
/// the file gets shorter (`mmap(2)`: they are past its end then). The next touch asks the file again.
pub fn forget(identity: usize, pages: Range<u64>, copies: bool) {
    let (from, to) = (pages.start.saturating_mul(PAGE), pages.end.saturating_mul(PAGE));
    let mut space = SPACE.lock();
    let shown: Vec<(u64, u64)> = space
        .areas
        .iter()
        .filter_map(|area| area.shows(identity, from, to))
        .collect();
    let mut present = false;
    for (start, end) in shown {
        present |= space.zap_where(start, page_up(end).unwrap_or(end), |entry| {
            copies || entry & bits::BORROWED != 0
        });
    }
    drop(space);
    if present {
        arch::flush_tlb();
    }
}

/// True if the file has a shared mapping that is, or can be made, writable (`F_SEAL_WRITE`).
#[must_use]
pub fn has_shared_writer(identity: usize) -> bool {
    let space = SPACE.lock();
    space.areas.iter().any(|area| {
        let writes = area.backing.is_shared() && !area.traits.contains(crate::mm::vma::Traits::READ_ONLY);
        writes && area.shows(identity, 0, u64::MAX).is_some()
    })
}

/// Where a file is mapped shared: the ranges, and the offset of each in the file.
#[must_use]
pub fn shared_ranges(identity: usize) -> Vec<(Range<u64>, u64)> {
    let space = SPACE.lock();
    let of_it = |area: &Area| match &area.backing {
        Backing::Shared(file, offset) => file
            .pages()
            .filter(|pages| pages.identity() == identity)
            .map(|_| (area.start..area.end, *offset)),
        _ => None,
    };
    space.areas.iter().filter_map(of_it).collect()
}

/// The files that a range maps shared, once for each of its areas.
#[must_use]
pub fn shared_files(start: u64, len: u64) -> Vec<Arc<dyn File>> {
    let space = SPACE.lock();
    let areas = space.areas.overlapping(start, start.saturating_add(len));
    let file = |area: &Area| match &area.backing {
        Backing::Shared(file, _) => Some(file.clone()),
        _ => None,
    };
    areas.filter_map(file).collect()
}

/// Reads until the buffer is full or the file ends.
///
/// # Errors
///
/// Those of the file.
pub fn read_full(file: &dyn File, offset: u64, buffer: &mut [u8]) -> Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read(offset + done as u64, &mut buffer[done..])? {
            0 => break,
            count => done += count,
        }
    }
    Ok(done)
}
