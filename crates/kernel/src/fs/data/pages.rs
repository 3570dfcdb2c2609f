//! The pages of a file as its mappings share them (`mmap(2)`).

use super::{Cached, Data, Origin, PAGE, State, raw};
use crate::{
    errno::{Errno, Result},
    mm::{
        self, dma, space,
        vma::{Access, FilePage},
    },
};
use core::{ops::Range, sync::atomic::Ordering};

impl Data {
    /// What tells this file from others.
    pub(crate) fn identity(&self) -> usize {
        core::ptr::from_ref(self) as usize
    }

    /// The page at `index` for a mapping; see [`Pages::page`](crate::mm::vma::Pages::page).
    ///
    /// # Errors
    ///
    /// As there.
    pub(crate) fn page(&self, index: u64, access: Access) -> Result<Option<FilePage>> {
        self.mapped.store(true, Ordering::Relaxed);
        if access == Access::Write && self.seals() & raw::F_SEAL_WRITE != 0 {
            return Err(Errno::EPERM);
        }
        if let Some(volume) = self.volume() {
            return self.disk_page(volume, index, access);
        }
        // Twice at most but for those who make the file shorter and longer again while the disk works.
        loop {
            let (is_hole, counted) = {
                let state = self.state.lock();
                if index >= state.size.div_ceil(PAGE) {
                    return Err(Errno::ENXIO);
                }
                if let Some(page) = state.ready(index, access) {
                    return Ok(Some(page));
                }
                let is_hole = index.saturating_mul(PAGE) >= state.below;
                // A copy of the image is not counted until it is written: its memory is the price of a disk that cannot be mapped.
                let is_copy =
                    access != Access::Write && matches!(state.origin, Origin::Image(..) | Origin::Remote(_));
                (is_hole, is_hole || !is_copy)
            };
            if is_hole && access == Access::Ahead {
                return Ok(None);
            }
            self.prepare(index, false, counted)?;
        }
    }

    /// True if the page is in memory.
    pub(crate) fn resident(&self, index: u64) -> bool {
        self.state.lock().ready(index, Access::Read).is_some()
    }

    /// Has the mappings forget pages of this file.
    pub(super) fn forget(&self, pages: Range<u64>, copies: bool) {
        if self.mapped.load(Ordering::Relaxed) && !pages.is_empty() {
            space::forget(self.identity(), pages, copies);
        }
    }

    /// Gives back what pages that are gone counted for.
    pub(super) fn uncount(&self, pages: impl IntoIterator<Item = Cached>) {
        let counted = pages.into_iter().filter(|page| page.counted).count();
        self.fs.release_pages(counted as u64);
        if counted > 0 {
            mm::freed();
        }
    }
}

impl State {
    /// The page, if it is in memory in a form that will do.
    fn ready(&self, index: u64, access: Access) -> Option<FilePage> {
        let Some(cached) = self.pages.get(&index) else {
            return self.of_image(index).filter(|_| access != Access::Write);
        };
        if access == Access::Write && !cached.counted {
            return None;
        }
        Some(FilePage {
            frame: dma::translate(core::ptr::from_ref(&*cached.page) as u64)?,
            writable: cached.counted,
        })
    }

    /// The image's own page, where the image is memory and nothing else is to be seen.
    fn of_image(&self, index: u64) -> Option<FilePage> {
        let Origin::Image(image, extent) = &self.origin else {
            return None;
        };
        let at = index.checked_mul(PAGE)?;
        let visible = self
            .below
            .checked_sub(at)
            .filter(|&visible| visible > 0)?
            .min(PAGE);
        Some(FilePage {
            frame: image.page(extent.piece(at).0, visible as usize)?,
            writable: false,
        })
    }
}
