//! Segments become memory.
//!
//! Every segment is a private mapping of its file, as the program finds it in `/proc/self/maps`. A fault costs 23 us on a host that shadows page tables, so
//! what is small is there at once: code and constants as the image's own pages, which all instances share, where the image is memory; else, and
//! what the program writes, read in few large reads. What is large comes as it is touched.

use super::{Error, Headers, Loaded, Segment, extent, headers};
use crate::{
    arch::layout,
    file::File,
    mm::{
        PAGE_SIZE, frames,
        space::{self, Place},
        vma::{Backing, Prot},
    },
};
use alloc::{sync::Arc, vec::Vec};
use linux_raw_sys::elf::{PF_R, PF_W, PF_X};

const PAGE: u64 = PAGE_SIZE as u64;

/// Largest block that is filled by one read: 2 MiB.
const READ_ORDER: u8 = 9;

/// How much of a segment is there at once, in bytes; what is written, or must be read, only if it is no longer than that.
const EAGER: u64 = 4 << 20;

/// A file that is being loaded.
struct Image<'a> {
    path: &'a str,
    file: &'a Arc<dyn File>,
    bias: u64,
}

/// Maps the program's segments; `base` is about where a relocatable one goes.
///
/// # Errors
///
/// See [`Error`].
pub fn load(path: &str, file: &Arc<dyn File>, base: u64) -> Result<Loaded, Error> {
    let headers = headers(path, file.as_ref())?;
    let bias = if headers.relocatable {
        base & !(headers.alignment - 1)
    } else {
        0
    };
    place(path, file, headers, bias)
}

/// Maps a program interpreter's segments where there is room for all of them.
///
/// # Errors
///
/// See [`Error`]; `Malformed` also for one that must be at fixed addresses, where the program could be.
pub fn load_anywhere(path: &str, file: &Arc<dyn File>) -> Result<Loaded, Error> {
    let headers = headers(path, file.as_ref())?;
    if !headers.relocatable {
        return Err(Error::Malformed(
            path.into(),
            "fixed addresses (of an interpreter)",
        ));
    }
    let (start, end) = extent(&headers.segments);
    let slack = headers.alignment - PAGE;
    let room = space::map(
        Place::Hint(0),
        end - start + slack,
        Prot::empty(),
        Backing::Zero,
        "",
    )
    .map_err(|_| Error::NoMemory(path.into()))?;
    // Only the segments stay; the reservation found their place.
    let _ = space::unmap(room, end - start + slack);
    let bias = room.next_multiple_of(headers.alignment).wrapping_sub(start);
    place(path, file, headers, bias)
}

fn place(path: &str, file: &Arc<dyn File>, headers: Headers, bias: u64) -> Result<Loaded, Error> {
    let (start, end) = extent(&headers.segments);
    let in_range = |address: u64| {
        let address = address.checked_add(bias)?;
        (layout::PROGRAM_START..=layout::PROGRAM_END)
            .contains(&address)
            .then_some(address)
    };
    let (Some(_), Some(end)) = (in_range(start), in_range(end)) else {
        return Err(Error::OutOfRange(path.into()));
    };
    let image = Image { path, file, bias };
    let mut done = 0;
    for segment in &headers.segments {
        done = image.segment(segment, done)?;
    }
    Ok(Loaded { headers, bias, end })
}

fn prot(flags: u32) -> Prot {
    let right = |flag, prot| if flags & flag != 0 { prot } else { Prot::empty() };
    right(PF_R, Prot::READ) | right(PF_W, Prot::WRITE) | right(PF_X, Prot::EXEC)
}

impl Image<'_> {
    fn no_memory<E>(&self, _: E) -> Error {
        Error::NoMemory(self.path.into())
    }

    /// Maps one segment; `done` is the end of the pages that the segments before it took, and the new end is given back.
    fn segment(&self, segment: &Segment, done: u64) -> Result<u64, Error> {
        let address = segment.address + self.bias;
        let file_end = address + segment.file_len;
        let end = (address + segment.memory_len).next_multiple_of(PAGE);
        let mut start = address & !(PAGE - 1);
        if start < done {
            // The last page of the segment before is the first of this one: both want their bytes in it, and their rights to it.
            self.share_page(segment, start)?;
            start += PAGE;
            if start >= end {
                return Ok(done);
            }
        }
        let file_stop = file_end.next_multiple_of(PAGE).max(start);
        let map = |from, to, backing| match to - from {
            0 => Ok(0),
            len => space::map(Place::Fixed(from), len, prot(segment.flags), backing, ""),
        };
        // Below the segment's first byte the file goes on too: offset and address agree within a page.
        let offset = segment.offset.wrapping_add(start).wrapping_sub(address);
        let backing = match segment.file_len {
            0 => Backing::Zero,
            _ => Backing::File(self.file.clone(), offset),
        };
        map(start, file_stop, backing).map_err(|e| self.no_memory(e))?;
        map(file_stop, end, Backing::Zero).map_err(|e| self.no_memory(e))?;
        self.check_length(segment)?;
        let zeros_follow = segment.memory_len > segment.file_len;
        let is_read_only = segment.flags & PF_W == 0 && !zeros_follow;
        if is_read_only && space::show(start, file_stop.min(start + EAGER)) > start {
            return Ok(end);
        }
        // The page where the file's part ends is the only one that the file alone does not tell: zeros follow.
        let last = (file_end & !(PAGE - 1)).max(start);
        if segment.file_len <= EAGER {
            self.fill(segment, start, file_end)?;
        } else if zeros_follow && last < file_end {
            self.fill(segment, last, file_end)?;
        }
        Ok(end)
    }

    /// Reads the file's part of a segment from page `start` on into fresh memory, with zeros behind it.
    fn fill(&self, segment: &Segment, start: u64, file_end: u64) -> Result<(), Error> {
        let address = segment.address + self.bias;
        let mut blocks = Vec::new();
        let mut at = start;
        while at < file_end {
            let pages = (file_end - at).div_ceil(PAGE);
            let order = (pages.ilog2() as u8).min(READ_ORDER);
            let block = frames::alloc_zeroed(order).ok_or_else(|| self.no_memory(()))?;
            blocks.push((block, order));
            let skip = address.saturating_sub(at);
            let stop = file_end.min(at + (PAGE << order));
            // SAFETY: the block is ours until it is installed; the range is inside it.
            let buffer = unsafe {
                core::slice::from_raw_parts_mut(
                    (layout::linear(block) + skip) as *mut u8,
                    (stop - at - skip) as usize,
                )
            };
            self.read_exact(segment.offset + (at + skip - address), buffer)?;
            at += PAGE << order;
        }
        space::install(start, &blocks, prot(segment.flags)).map_err(|e| self.no_memory(e))
    }

    /// Refuses a segment whose end the file does not have.
    fn check_length(&self, segment: &Segment) -> Result<(), Error> {
        let stat = self.file.stat();
        let size = stat.map_err(|errno| Error::Read(self.path.into(), errno))?.size;
        if segment.offset + segment.file_len > size {
            return Err(self.truncated());
        }
        Ok(())
    }

    fn truncated(&self) -> Error {
        Error::Malformed(self.path.into(), "segments (the file is truncated)")
    }

    fn share_page(&self, segment: &Segment, page: u64) -> Result<(), Error> {
        let address = segment.address + self.bias;
        let stop = (address + segment.file_len).min(page + PAGE);
        // Not the file's own page, which others see.
        let physical = space::own_page(page).map_err(|e| self.no_memory(e))? + (address.max(page) - page);
        // SAFETY: the page is the segment's before, and its alone; the range is inside it.
        let buffer = unsafe {
            core::slice::from_raw_parts_mut(
                layout::linear(physical) as *mut u8,
                stop.saturating_sub(address) as usize,
            )
        };
        self.read_exact(segment.offset, buffer)?;
        let all = Prot::READ | Prot::WRITE | Prot::EXEC;
        space::protect(page, PAGE, prot(segment.flags) | all).map_err(|e| self.no_memory(e))
    }

    fn read_exact(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let wanted = buffer.len();
        match space::read_full(self.file.as_ref(), offset, buffer) {
            Ok(count) if count == wanted => Ok(()),
            Ok(_) => Err(self.truncated()),
            Err(errno) => Err(Error::Read(self.path.into(), errno)),
        }
    }
}
