//! The contents of a file on a volume: the disk has them, and pages are in memory only while they are mapped.
//!
//! Whatever changes both the disk and a page does so in the volume's turn, so neither is ever behind the other but for *dirty* pages: those that a shared
//! mapping may write. They are mapped read-only again when they are written back, so the next store is seen.
//!
//! Bytes of the program's go through a buffer of the kernel's: its memory may be unmapped, or be a mapping of this very volume, while the disk works.

use super::{Cached, Data, MAX_SIZE, Origin, PAGE, Page, copy};
use crate::{
    arch::layout,
    errno::{Errno, Result},
    fs::volume::{Mounted, Volume},
    mm::{
        self, PAGE_SIZE, dma,
        vma::{Access, FilePage},
    },
};
use alloc::{sync::Arc, vec, vec::Vec};
use core::{ops::Range, sync::atomic::Ordering};
use rsext4::{InodeNumber, PreallocationOptions, RangeOperation};

/// Bytes that are read or written at once.
pub(super) const PIECE: usize = 64 << 10;

/// Blocks that the mapping of a file may need beside its contents.
const MAPPING_BLOCKS: u64 = 4;

impl Data {
    /// Says which inode of its volume the file is, and how many blocks of 512 bytes it has there.
    pub(crate) fn is_inode(&self, inode: u32, blocks: u64) {
        self.inode.store(inode, Ordering::Relaxed);
        self.blocks.store(blocks, Ordering::Relaxed);
    }

    /// Takes over how many blocks the disk has given the file. In the volume's turn.
    fn count(&self, ext4: &mut Mounted) -> rsext4::Ext4Result<()> {
        let blocks = ext4.inode(self.number()?)?.blocks;
        self.blocks.store(blocks, Ordering::Relaxed);
        Ok(())
    }

    /// The volume, if the file is on one.
    pub(super) fn volume(&self) -> Option<&Arc<Volume>> {
        self.fs.volume().filter(|_| self.on_disk)
    }

    fn number(&self) -> rsext4::Ext4Result<InodeNumber> {
        InodeNumber::new(self.inode.load(Ordering::Relaxed))
    }

    /// Reads bytes that are on the disk into a buffer that may be the program's.
    pub(super) fn read_disk(&self, at: u64, buffer: &mut [u8]) -> Result<()> {
        let volume = self.volume().ok_or(Errno::EIO)?;
        let mut bytes = vec![0; buffer.len()];
        volume.with(|ext4| {
            let mut done = 0;
            while done < bytes.len() {
                match ext4.read_inode(self.number()?, at + done as u64, &mut bytes[done..])? {
                    0 => break,
                    count => done += count,
                }
            }
            Ok(())
        })?;
        still_there(buffer.as_ptr() as u64, buffer.len(), true)?;
        copy(&bytes, buffer);
        Ok(())
    }

    /// Writes to the disk, and to pages in memory.
    pub(super) fn write_disk(&self, volume: &Volume, offset: u64, buffer: &[u8]) -> Result<usize> {
        let (mut done, mut piece) = (0, PIECE);
        while done < buffer.len() {
            let at = offset + done as u64;
            // Ends at a piece's boundary, so that blocks are written whole.
            let count = (piece - (at % piece as u64) as usize).min(buffer.len() - done);
            let part = &buffer[done..done + count];
            let written = still_there(part.as_ptr() as u64, count, false).and_then(|()| {
                let bytes = part.to_vec();
                volume.with_room(count as u64 / PAGE + MAPPING_BLOCKS, |ext4| {
                    ext4.write_inode(self.number()?, at, &bytes)?;
                    self.wrote(at, &bytes);
                    self.count(ext4)
                })
            });
            match written {
                Ok(()) => done += count,
                // What has room is written.
                Err(Errno::ENOSPC) if piece > PAGE_SIZE => piece = PAGE_SIZE,
                Err(_) if done > 0 => return Ok(done),
                Err(errno) => return Err(errno),
            }
        }
        Ok(done)
    }

    /// Brings pages and size up to what was written, on a volume in its turn.
    pub(crate) fn wrote(&self, at: u64, bytes: &[u8]) {
        let end = at + bytes.len() as u64;
        let mut state = self.state.lock();
        for (&index, cached) in state.pages.range_mut(at / PAGE..end.div_ceil(PAGE)) {
            let (start, stop) = (at.max(index * PAGE), end.min((index + 1) * PAGE));
            let (from, to) = ((start - at) as usize, (stop - at) as usize);
            cached.page.0[(start - index * PAGE) as usize..(stop - index * PAGE) as usize]
                .copy_from_slice(&bytes[from..to]);
        }
        state.size = state.size.max(end);
        state.below = state.size;
    }

    /// `ftruncate(2)`.
    pub(super) fn truncate_disk(&self, volume: &Volume, size: u64) -> Result<()> {
        volume.with_room(MAPPING_BLOCKS, |ext4| {
            ext4.truncate_inode(self.number()?, size)?;
            self.cut(size);
            self.state.lock().below = size;
            self.count(ext4)
        })
    }

    /// Makes a range read as zeros; it ends at the end of the file at the latest.
    pub(super) fn zero_disk(&self, volume: &Volume, range: &Range<u64>) -> Result<()> {
        volume.with_room(MAPPING_BLOCKS, |ext4| {
            let len = range.end - range.start;
            ext4.operate_inode_range(self.number()?, range.start, len, RangeOperation::PunchHole)?;
            let mut state = self.state.lock();
            for (&index, cached) in state
                .pages
                .range_mut(range.start / PAGE..range.end.div_ceil(PAGE))
            {
                let (start, stop) = (range.start.max(index * PAGE), range.end.min((index + 1) * PAGE));
                cached.page.0[(start - index * PAGE) as usize..(stop - index * PAGE) as usize].fill(0);
            }
            drop(state);
            self.count(ext4)
        })
    }

    /// Takes blocks for a range; `fallocate(2)` without `FALLOC_FL_PUNCH_HOLE` and `FALLOC_FL_ZERO_RANGE`. In memory there is nothing to take but the size.
    ///
    /// # Errors
    ///
    /// As `fallocate(2)`.
    pub(crate) fn allocate(&self, range: Range<u64>, keep_size: bool) -> Result<()> {
        let Some(volume) = self.volume() else {
            return if !keep_size && range.end > self.size() {
                self.truncate(range.end)
            } else {
                Ok(())
            };
        };
        if range.end > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        let len = range.end - range.start;
        volume.with_room(len.div_ceil(PAGE) + MAPPING_BLOCKS, |ext4| {
            let options = PreallocationOptions { keep_size };
            ext4.preallocate_inode(self.number()?, range.start, len, options)?;
            if !keep_size {
                let mut state = self.state.lock();
                state.size = state.size.max(range.end);
                state.below = state.size;
            }
            self.count(ext4)
        })
    }

    /// The page at `index` for a mapping; see [`page`](Self::page).
    pub(super) fn disk_page(&self, volume: &Volume, index: u64, access: Access) -> Result<Option<FilePage>> {
        loop {
            {
                let mut state = self.state.lock();
                if index >= state.size.div_ceil(PAGE) {
                    return Err(Errno::ENXIO);
                }
                let writable = state.dirty.contains(&index);
                if let Some(cached) = state.pages.get_mut(&index)
                    && (writable || access != Access::Write)
                {
                    let frame = dma::translate(core::ptr::from_ref(&*cached.page) as u64);
                    let page = |frame| FilePage { frame, writable };
                    return Ok(Some(page(frame.ok_or(Errno::EIO)?)));
                }
                if access == Access::Ahead {
                    return Ok(None);
                }
            }
            self.bring(volume, index)?;
            if access == Access::Write {
                self.claim(volume, index)?;
            }
        }
    }

    /// Brings a page into memory.
    fn bring(&self, volume: &Volume, index: u64) -> Result<()> {
        if self.state.lock().pages.contains_key(&index) {
            return Ok(());
        }
        self.fs.reserve_page()?;
        let made = Page::zeroed().and_then(|mut page| {
            volume.with(|ext4| {
                let size = self.state.lock().size;
                let shows = size.saturating_sub(index * PAGE).min(PAGE) as usize;
                let mut done = 0;
                while done < shows {
                    let at = index * PAGE + done as u64;
                    match ext4.read_inode(self.number()?, at, &mut page.0[done..shows])? {
                        0 => break,
                        count => done += count,
                    }
                }
                let mut state = self.state.lock();
                let fresh = !state.pages.contains_key(&index);
                if fresh {
                    state.pages.insert(index, Cached { page, counted: true });
                }
                Ok(fresh)
            })
        });
        if !matches!(made, Ok(true)) {
            self.fs.release_pages(1);
        }
        made.map(drop)
    }

    /// Lets a page be written by mappings. It is written as it is first, so that it has a place on the disk: a store that finds none is refused (`SIGBUS`), and
    /// not lost later.
    fn claim(&self, volume: &Volume, index: u64) -> Result<()> {
        volume.with_room(1 + MAPPING_BLOCKS, |ext4| {
            let bytes = self.bytes_of(index);
            if let Some(bytes) = bytes {
                ext4.write_inode(self.number()?, index * PAGE, &bytes)?;
                self.state.lock().dirty.insert(index);
            }
            self.count(ext4)
        })
    }

    /// A copy of what of a page is in the file.
    fn bytes_of(&self, index: u64) -> Option<Vec<u8>> {
        let state = self.state.lock();
        let shows = state.size.saturating_sub(index * PAGE).min(PAGE) as usize;
        let cached = state.pages.get(&index).filter(|_| shows > 0)?;
        Some(cached.page.0[..shows].to_vec())
    }

    /// Takes a page that mappings may have written, to write it: its place and its bytes. From now on the next store to it is seen.
    pub(crate) fn take_dirty(&self) -> Option<(u64, Vec<u8>)> {
        loop {
            let index = self.state.lock().dirty.pop_first()?;
            self.forget(index..index + 1, false);
            if let Some(bytes) = self.bytes_of(index) {
                return Some((index * PAGE, bytes));
            }
        }
    }

    /// A page that [`take_dirty`](Self::take_dirty) gave could not be written.
    pub(crate) fn dirty_again(&self, at: u64) {
        self.state.lock().dirty.insert(at / PAGE);
    }
}

/// Checks a buffer again after the thread slept: if it is the program's, another thread may have unmapped it.
pub(crate) fn still_there(address: u64, len: usize, write: bool) -> Result<()> {
    if cfg!(feature = "elf") && address < layout::PROGRAM_END {
        mm::check_user(address, len, write)
    } else {
        Ok(())
    }
}

impl Origin {
    /// What a new file of a file system begins as.
    pub(crate) fn of_new(fs: &crate::fs::filesystem::Filesystem) -> Self {
        match fs.volume() {
            Some(_) => Self::Volume,
            None => Self::Empty,
        }
    }
}
