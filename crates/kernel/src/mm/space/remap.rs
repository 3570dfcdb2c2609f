//! `mremap(2)`.

use super::{
    super::{
        paging,
        vma::{Area, Traits},
    },
    PAGE, Place, SPACE, Space, in_program, page_up, populate_range,
};
use crate::{
    arch,
    errno::{Errno, Result},
    mm::vma::Prot,
};
use alloc::vec::Vec;

/// What `mremap(2)` is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Remap {
    /// First address of what is there.
    pub old: u64,
    /// Its length in bytes; 0 makes a second mapping of a shared one.
    pub old_len: u64,
    /// The length wanted.
    pub new_len: u64,
    /// It may go elsewhere (`MREMAP_MAYMOVE`).
    pub may_move: bool,
    /// It must go there (`MREMAP_FIXED`).
    pub target: Option<u64>,
    /// The old range stays mapped, without its pages (`MREMAP_DONTUNMAP`); the new one goes there if there is room.
    pub keep_old: Option<u64>,
}

/// Moves and resizes: in place if there is room, else elsewhere if that is allowed, or to just the target.
///
/// # Errors
///
/// `EINVAL`, `EFAULT`, `ENOMEM`.
pub fn remap(wanted: Remap) -> Result<u64> {
    let Remap { old, target, .. } = wanted;
    let (Some(old_len), Some(new_len)) = (page_up(wanted.old_len), page_up(wanted.new_len)) else {
        return Err(Errno::EINVAL);
    };
    let overlaps =
        |at: u64| !in_program(at, new_len) || at < old.saturating_add(old_len) && old < at + new_len;
    if !old.is_multiple_of(PAGE)
        || new_len == 0
        || (target.is_some() || wanted.keep_old.is_some()) && !wanted.may_move
        || wanted
            .keep_old
            .is_some_and(|hint| old_len != new_len || !hint.is_multiple_of(PAGE))
        || target.is_some_and(overlaps)
    {
        return Err(Errno::EINVAL);
    }
    let mut space = SPACE.lock();
    let area = space.areas.find(old).ok_or(Errno::EFAULT)?.clone();
    if space.areas.is_full() && (target.is_some() || new_len > old_len || wanted.keep_old.is_some()) {
        return Err(Errno::ENOMEM);
    }
    if target.is_none() && new_len < old_len {
        drop(space);
        super::unmap(old + new_len, old_len - new_len)?;
        return Ok(old);
    }
    if old_len == 0 && !area.backing.is_shared() {
        return Err(Errno::EINVAL);
    }
    if old.checked_add(old_len).is_none_or(|end| end > area.end) {
        return Err(Errno::EFAULT);
    }
    let stays = target.is_none() && wanted.keep_old.is_none() && old_len != 0;
    if stays && new_len == old_len {
        return Ok(old);
    }
    let free_behind = stays && in_program(old, new_len) && space.areas.is_free(old + old_len, old + new_len);
    let (new, removed) = if free_behind && old + old_len == area.end {
        space.changes += 1;
        (old, space.areas.insert(resized(&area, old, old, new_len)))
    } else {
        let new = match target {
            Some(at) => at,
            None if wanted.may_move => space.place(Place::Hint(wanted.keep_old.unwrap_or(0)), new_len)?,
            None => return Err(Errno::ENOMEM),
        };
        (new, space.relocate(&area, &wanted, new, (old_len, new_len))?)
    };
    drop(space);
    drop(removed);
    if area.traits.contains(Traits::LOCKED) && new_len > old_len {
        let _ = populate_range(new + old_len, new_len - old_len, area.prot.contains(Prot::WRITE));
    }
    Ok(new)
}

/// What the area shows from `old` on, at another place and with another length.
fn resized(area: &Area, old: u64, new: u64, new_len: u64) -> Area {
    Area {
        start: new,
        end: new + new_len,
        backing: area.backing.moved(old - area.start),
        ..area.clone()
    }
}

impl Space {
    /// Puts a part of an area at another place, with its pages. Drop what is given after unlocking.
    fn relocate(&mut self, area: &Area, wanted: &Remap, new: u64, lens: (u64, u64)) -> Result<Vec<Area>> {
        let (old, (old_len, new_len)) = (wanted.old, lens);
        let moved_len = old_len.min(new_len);
        // Tables for the new place first, so that nothing is half moved when memory is out; only where there is something to move.
        let mut short = false;
        paging::for_each(old, old + moved_len, |address, slot| {
            short |= *slot != 0 && paging::entry(new + (address - old), true).is_none();
        });
        if short {
            return Err(Errno::ENOMEM);
        }
        let present = self.zap(new, new + new_len);
        let mut removed = self.areas.insert(resized(area, old, new, new_len));
        self.changes += 1;
        paging::for_each(old, old + moved_len, |address, slot| {
            if *slot != 0
                && let Some(target) = paging::entry(new + (address - old), false)
            {
                // SAFETY: `entry` gives a slot of a table of ours.
                unsafe { target.write(core::mem::take(slot)) };
            }
        });
        if wanted.keep_old.is_some() {
            self.areas
                .change(old, old + old_len, |area| area.traits.remove(Traits::LOCKED));
        } else if old_len != 0 {
            removed.extend(self.take(old, old + old_len));
        }
        if present || moved_len != 0 {
            arch::flush_tlb();
        }
        Ok(removed)
    }
}
