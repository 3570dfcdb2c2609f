//! The bytes of a regular file: pages in memory over what the file began as.
//!
//! A file begins as nothing, as a run of the disk image, or as a few bytes of ours. Writing copies up just the pages that it
//! touches; a page that is in memory hides what is below it. So a file may be sparse, and grows without moving.
//!
//! Two rules hold between calls: bytes of a page past the end of the file are zero, and `below` never reaches past the end.
//!
//! Files of volumes are another matter (`disk`): the disk has them, and only mapped pages are here.
//!
//! Mappings share these pages (`pages`): what gives one up, or puts one where the image's own was mapped, has the mappings forget it first. The
//! lock is not held then, as the memory map asks back while it holds its own.

mod disk;
mod pages;

pub(super) use disk::still_there;

use super::{
    filesystem::Filesystem,
    fuse::Inode,
    image::{Extent, Image},
};
use crate::{
    drivers::folder::DATA_BYTES,
    errno::{Errno, Result},
    mm::{self, PAGE_SIZE, space},
    sync::Lock,
    wait::Turn,
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
    vec,
    vec::Vec,
};
use core::{
    alloc::Layout,
    ops::Range,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};
use linux_raw_sys::general as raw;

/// The largest size of a file (`off_t` is signed).
pub(crate) const MAX_SIZE: u64 = i64::MAX as u64;

const PAGE: u64 = PAGE_SIZE as u64;

/// Page-aligned, so that reads of whole pages go to whole frames.
#[repr(C, align(4096))]
struct Page([u8; PAGE_SIZE]);

impl Page {
    /// A page of zeros; unlike `Box::new` it says so when memory is short.
    fn zeroed() -> Result<Box<Self>> {
        let layout = Layout::new::<Self>();
        if !mm::has_room_for_program() {
            return Err(Errno::ENOSPC);
        }
        // SAFETY: the layout is not of size zero.
        let pointer = unsafe { alloc::alloc::alloc_zeroed(layout) };
        if pointer.is_null() {
            return Err(Errno::ENOSPC);
        }
        // SAFETY: 1. the pointer comes from the global allocator with the layout of a `Page`; 2. zeros are a `Page`.
        Ok(unsafe { Box::from_raw(pointer.cast()) })
    }
}

/// What a file began as.
#[derive(Clone)]
pub(crate) enum Origin {
    /// Nothing.
    Empty,
    /// A file of the image.
    Image(Arc<Image>, Extent),
    /// Bytes of ours.
    Bytes(Arc<[u8]>),
    /// A file of a volume.
    Volume,
    /// A file of the host's, all of which shows.
    Remote(Arc<Inode>),
}

/// A page in memory.
struct Cached {
    page: Box<Page>,
    /// It counts against the file system's limit, as the file may differ from what it began as here; false for mere copies of the image.
    counted: bool,
}

struct State {
    pages: BTreeMap<u64, Cached>,
    size: u64,
    origin: Origin,
    /// How many bytes of the origin still show.
    below: u64,
    /// Pages of a volume's file that mappings may have written.
    dirty: BTreeSet<u64>,
}

/// What is to be done next for a read.
enum Step {
    Copied(usize),
    Fetch(Arc<Image>, u64, usize),
    Disk(usize),
    Ask(Arc<Inode>, usize),
}

/// The contents of a regular file.
pub(crate) struct Data {
    fs: Arc<Filesystem>,
    seals: AtomicU32,
    /// Inode number on its volume.
    inode: AtomicU32,
    /// True if it is a file of a volume.
    on_disk: bool,
    /// Blocks of 512 bytes that it has there.
    blocks: AtomicU64,
    /// Set by the first mapping: before, nobody need be told of pages that go.
    mapped: AtomicBool,
    state: Lock<State>,
    appends: Turn,
}

impl Data {
    /// A file of `size` bytes that begins as `origin`.
    pub(crate) fn new(fs: Arc<Filesystem>, origin: Origin, size: u64) -> Self {
        let below = if matches!(origin, Origin::Empty) { 0 } else { size };
        let on_disk = matches!(origin, Origin::Volume);
        let state = State {
            pages: BTreeMap::new(),
            dirty: BTreeSet::new(),
            size,
            origin,
            below,
        };
        Self {
            fs,
            seals: AtomicU32::new(raw::F_SEAL_SEAL),
            inode: AtomicU32::new(0),
            blocks: AtomicU64::new(0),
            on_disk,
            mapped: AtomicBool::new(false),
            state: Lock::new(state),
            appends: Turn::new(),
        }
    }

    /// Whose turn it is to append.
    pub(crate) fn appends(&self) -> &Turn {
        &self.appends
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.state.lock().size
    }

    /// Blocks of 512 bytes, holes not counted.
    pub(crate) fn blocks(&self) -> u64 {
        if self.on_disk {
            return self.blocks.load(Ordering::Relaxed);
        }
        let state = self.state.lock();
        (state.pages.len() as u64 * (PAGE / 512)).max(state.below.div_ceil(512))
    }

    /// Where data, or a hole, begins at `offset` or behind it (`SEEK_DATA`, `SEEK_HOLE` in `lseek(2)`); a hole is a page that nobody wrote, or the end.
    ///
    /// # Errors
    ///
    /// `ENXIO` past the end, and where no data comes any more.
    pub(crate) fn seek(&self, offset: u64, hole: bool) -> Result<u64> {
        let state = self.state.lock();
        if offset >= state.size {
            return Err(Errno::ENXIO);
        }
        // What the file began as is data up to the end of its last page.
        let below = state.below.div_ceil(PAGE);
        let mut index = offset / PAGE;
        if hole {
            index = index.max(below);
            for &page in state.pages.range(index..).map(|(page, _)| page) {
                if page != index {
                    break;
                }
                index += 1;
            }
        } else if index >= below {
            let next = state.pages.range(index..).next();
            index = *next.ok_or(Errno::ENXIO)?.0;
        }
        match (index * PAGE).max(offset) {
            at if at < state.size => Ok(at),
            _ if hole => Ok(state.size),
            _ => Err(Errno::ENXIO),
        }
    }

    /// `F_GET_SEALS` (`fcntl(2)`).
    pub(crate) fn seals(&self) -> u32 {
        self.seals.load(Ordering::Relaxed)
    }

    /// Lets the file be sealed (`memfd_create(2)` with `MFD_ALLOW_SEALING`).
    pub(crate) fn allow_sealing(&self) {
        self.seals.store(0, Ordering::Relaxed);
    }

    /// `F_ADD_SEALS`.
    ///
    /// # Errors
    ///
    /// `EPERM` where sealing is sealed, `EBUSY` for `F_SEAL_WRITE` while a shared mapping could write.
    pub(crate) fn add_seals(&self, seals: u32) -> Result<()> {
        let known = raw::F_SEAL_SEAL | raw::F_SEAL_SHRINK | raw::F_SEAL_GROW | raw::F_SEAL_WRITE;
        if seals & !(known | raw::F_SEAL_FUTURE_WRITE | raw::F_SEAL_EXEC) != 0 {
            return Err(Errno::EINVAL);
        }
        if self.seals() & raw::F_SEAL_SEAL != 0 {
            return Err(Errno::EPERM);
        }
        if seals & raw::F_SEAL_WRITE != 0 && space::has_shared_writer(self.identity()) {
            return Err(Errno::EBUSY);
        }
        self.seals.fetch_or(seals, Ordering::Relaxed);
        Ok(())
    }

    /// Reads at `offset`; 0 at and past the end.
    ///
    /// # Errors
    ///
    /// `EIO` when the disk fails.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let size = self.state.lock().size;
        let len = usize::try_from(size.saturating_sub(offset))
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let mut done = 0;
        while done < len {
            let at = offset + done as u64;
            let step = self.state.lock().step(at, &mut buffer[done..len]);
            done += match step {
                Step::Copied(count) => count,
                Step::Disk(count) => match self.read_disk(at, &mut buffer[done..done + count]) {
                    Ok(()) => count,
                    Err(_) if done > 0 => return Ok(done),
                    Err(errno) => return Err(errno),
                },
                // The lock is free here: the disk may take its time.
                Step::Fetch(image, position, count) => {
                    match image.read(position, &mut buffer[done..done + count]) {
                        Ok(()) => count,
                        Err(_) if done > 0 => return Ok(done),
                        Err(errno) => return Err(errno),
                    }
                }
                Step::Ask(inode, count) => match ask(&inode, at, &mut buffer[done..done + count]) {
                    // The file has become shorter on the host.
                    Ok(0) => return Ok(done),
                    Ok(count) => count,
                    Err(_) if done > 0 => return Ok(done),
                    Err(errno) => return Err(errno),
                },
            };
        }
        Ok(len)
    }

    /// Writes at `offset`, growing the file.
    ///
    /// # Errors
    ///
    /// `EFBIG`, `EPERM` (sealed), `ENOSPC`, `EIO` when the disk fails to give the rest of a page; none once some bytes were written.
    pub(crate) fn write(&self, offset: u64, buffer: &[u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.seals() & (raw::F_SEAL_WRITE | raw::F_SEAL_FUTURE_WRITE) != 0 {
            return Err(Errno::EPERM);
        }
        let room = MAX_SIZE.saturating_sub(offset);
        if room == 0 {
            return Err(Errno::EFBIG);
        }
        let buffer = &buffer[..buffer.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        if self.seals() & raw::F_SEAL_GROW != 0 && offset + buffer.len() as u64 > self.size() {
            return Err(Errno::EPERM);
        }
        if let Some(volume) = self.volume() {
            return self.write_disk(volume, offset, buffer);
        }
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            let inside = (at % PAGE) as usize;
            let count = (PAGE_SIZE - inside).min(buffer.len() - done);
            if let Err(errno) = self.prepare(at / PAGE, count == PAGE_SIZE, true) {
                return if done > 0 { Ok(done) } else { Err(errno) };
            }
            let mut state = self.state.lock();
            // `prepare` put the page there, unless another thread cut the file since.
            let Some(cached) = state.pages.get_mut(&(at / PAGE)) else {
                continue;
            };
            copy(
                &buffer[done..done + count],
                &mut cached.page.0[inside..inside + count],
            );
            done += count;
            state.size = state.size.max(at + count as u64);
        }
        Ok(done)
    }

    /// Makes a page present in memory, with its contents from below unless `whole` of it is about to be written. Not `counted` is only a copy of what is
    /// below, to be read.
    fn prepare(&self, index: u64, whole: bool, counted: bool) -> Result<()> {
        let (origin, below) = {
            let mut state = self.state.lock();
            if let Some(cached) = state.pages.get_mut(&index) {
                if counted && !cached.counted {
                    self.fs.reserve_page()?;
                    cached.counted = true;
                }
                return Ok(());
            }
            (state.origin.clone(), state.below)
        };
        if counted {
            self.fs.reserve_page()?;
        }
        let uncount = |counted| self.fs.release_pages(u64::from(counted));
        let page = Page::zeroed().and_then(|mut page| {
            let covered = usize::try_from(below.saturating_sub(index * PAGE))
                .unwrap_or(usize::MAX)
                .min(PAGE_SIZE);
            if !whole && covered > 0 {
                read_origin(&origin, index * PAGE, &mut page.0[..covered])?;
            }
            Ok((page, covered))
        });
        let (mut page, covered) = page.inspect_err(|_| uncount(counted))?;
        // The image's own page may be mapped where this one is to be seen from now on.
        if covered > 0 {
            self.forget(index..index + 1, false);
        }
        let mut state = self.state.lock();
        // Others ran while the disk did: the file may be shorter, or have the page.
        let shows = usize::try_from(state.below.saturating_sub(index * PAGE)).unwrap_or(usize::MAX);
        if shows < covered {
            page.0[shows..covered].fill(0);
        }
        match state.pages.entry(index) {
            Entry::Occupied(mut slot) => {
                // It counts already, or it does from now on.
                uncount(counted && slot.get().counted);
                slot.get_mut().counted |= counted;
            }
            Entry::Vacant(slot) => {
                slot.insert(Cached { page, counted });
            }
        }
        Ok(())
    }

    /// `ftruncate(2)`.
    ///
    /// # Errors
    ///
    /// `EFBIG`, `EPERM` (sealed).
    pub(crate) fn truncate(&self, size: u64) -> Result<()> {
        if size > MAX_SIZE {
            return Err(Errno::EFBIG);
        }
        let old = self.size();
        let seal = if size < old {
            raw::F_SEAL_SHRINK
        } else {
            raw::F_SEAL_GROW
        };
        if size != old && self.seals() & seal != 0 {
            return Err(Errno::EPERM);
        }
        match self.volume() {
            Some(volume) => self.truncate_disk(volume, size),
            None => {
                self.cut(size);
                Ok(())
            }
        }
    }

    /// Changes the size of what is in memory.
    fn cut(&self, size: u64) {
        let mut state = self.state.lock();
        let old = state.size;
        state.dirty.split_off(&size.div_ceil(PAGE));
        let dropped = state.pages.split_off(&size.div_ceil(PAGE));
        if size < state.size
            && let Some(cached) = state.pages.get_mut(&(size / PAGE))
        {
            cached.page.0[(size % PAGE) as usize..].fill(0);
        }
        state.below = state.below.min(size);
        state.size = size;
        drop(state);
        // Until here the mappings have the pages that were dropped; nobody runs before they have forgotten them. The image's own last page
        // shows what is past the end now, so it is asked for again, too.
        if size < old {
            self.forget(size.div_ceil(PAGE)..u64::MAX, true);
            self.forget(size / PAGE..size.div_ceil(PAGE), false);
        }
        self.uncount(dropped.into_values());
    }

    /// Takes over the size that a file of the host's has; where others have `changed` what is in it, no copy of a page is kept.
    pub(crate) fn follow(&self, size: u64, changed: bool) {
        if changed {
            let dropped = core::mem::take(&mut self.state.lock().pages);
            if !dropped.is_empty() {
                self.forget(0..u64::MAX, false);
            }
            self.uncount(dropped.into_values());
        }
        self.cut(size);
        self.state.lock().below = size;
    }

    /// Makes a range read as zeros without changing the size (`fallocate(2)`, `FALLOC_FL_PUNCH_HOLE`).
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub(crate) fn zero(&self, range: Range<u64>) -> Result<()> {
        if self.seals() & (raw::F_SEAL_WRITE | raw::F_SEAL_FUTURE_WRITE) != 0 {
            return Err(Errno::EPERM);
        }
        let size = self.size();
        let range = range.start..range.end.min(size);
        if range.is_empty() {
            return Ok(());
        }
        if let Some(volume) = self.volume() {
            return self.zero_disk(volume, &range);
        }
        // Only pages with something in them: a sparse file may be exabytes long.
        let indices: Vec<u64> = {
            let state = self.state.lock();
            let below = range.start / PAGE..range.end.min(state.below).div_ceil(PAGE);
            let present = state
                .pages
                .range(range.start / PAGE..range.end.div_ceil(PAGE))
                .map(|(&index, _)| index);
            present
                .filter(|index| !below.contains(index))
                .chain(below.clone())
                .collect()
        };
        for index in indices {
            let start = range.start.max(index * PAGE) - index * PAGE;
            let end = range.end.min((index + 1) * PAGE) - index * PAGE;
            // Past the end of the file there is nothing to keep.
            let whole = start == 0 && (end == PAGE || range.end == size);
            if whole && index * PAGE >= self.state.lock().below {
                let dropped = self.state.lock().pages.remove(&index);
                self.forget(index..index + 1, false);
                self.uncount(dropped);
                continue;
            }
            self.prepare(index, whole, true)?;
            if let Some(cached) = self.state.lock().pages.get_mut(&index) {
                cached.page.0[start as usize..end as usize].fill(0);
            }
        }
        Ok(())
    }
}

impl State {
    /// Copies one run that needs no disk, or says what to fetch. `buffer` ends at the end of the file at the latest.
    fn step(&self, at: u64, buffer: &mut [u8]) -> Step {
        let index = at / PAGE;
        if let Some(cached) = self.pages.get(&index) {
            let inside = (at % PAGE) as usize;
            let count = (PAGE_SIZE - inside).min(buffer.len());
            copy(&cached.page.0[inside..inside + count], &mut buffer[..count]);
            return Step::Copied(count);
        }
        let until = self
            .pages
            .range(index..)
            .next()
            .map_or(u64::MAX, |(&next, _)| next * PAGE);
        let run = usize::try_from(until - at)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        if at >= self.below {
            buffer[..run].fill(0);
            return Step::Copied(run);
        }
        let run = usize::try_from(self.below - at).unwrap_or(usize::MAX).min(run);
        match &self.origin {
            Origin::Image(image, extent) => {
                let (position, bytes) = extent.piece(at);
                let run = usize::try_from(bytes).unwrap_or(usize::MAX).min(run);
                Step::Fetch(image.clone(), position, run)
            }
            Origin::Volume => Step::Disk(run.min(disk::PIECE)),
            Origin::Remote(inode) => Step::Ask(inode.clone(), run),
            Origin::Bytes(_) | Origin::Empty => {
                // Bytes of ours cannot fail to be read.
                let _ = read_origin(&self.origin, at, &mut buffer[..run]);
                Step::Copied(run)
            }
        }
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let pages = core::mem::take(&mut self.state.lock().pages);
        self.uncount(pages.into_values());
    }
}

/// Copies between slices of one length. They may overlap: a program may write a file from its own mapping of it.
fn copy(from: &[u8], to: &mut [u8]) {
    let count = from.len().min(to.len());
    // SAFETY: both are valid for `count` bytes; `ptr::copy` lets them overlap.
    unsafe { core::ptr::copy(from.as_ptr(), to.as_mut_ptr(), count) };
}

/// Reads some bytes of a file of the host's, which may take its time: what the program had for them may be gone then.
fn ask(inode: &Inode, at: u64, buffer: &mut [u8]) -> Result<usize> {
    let mut bytes = vec![0; buffer.len().min(DATA_BYTES)];
    let count = inode.read(at, &mut bytes)?;
    still_there(buffer.as_ptr() as u64, count, true)?;
    copy(&bytes[..count], buffer);
    Ok(count)
}

/// Reads bytes of the origin that are known to show.
fn read_origin(origin: &Origin, at: u64, buffer: &mut [u8]) -> Result<()> {
    match origin {
        Origin::Empty => {
            buffer.fill(0);
            Ok(())
        }
        // Such a file is never prepared here.
        Origin::Volume => Err(Errno::EIO),
        Origin::Image(image, extent) => extent.read(image, at, buffer),
        Origin::Remote(inode) => {
            let mut done = 0;
            while done < buffer.len() {
                match inode.read(at + done as u64, &mut buffer[done..])? {
                    0 => break,
                    count => done += count,
                }
            }
            buffer[done..].fill(0);
            Ok(())
        }
        Origin::Bytes(bytes) => {
            let start = usize::try_from(at).unwrap_or(usize::MAX);
            match bytes.get(start..start.saturating_add(buffer.len())) {
                Some(part) => buffer.copy_from_slice(part),
                None => buffer.fill(0),
            }
            Ok(())
        }
    }
}
