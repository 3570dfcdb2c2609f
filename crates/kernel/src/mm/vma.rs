//! The program's memory map: which ranges exist, with which rights and what behind them. Pure bookkeeping, without page tables.

use crate::{errno::Result, file::File};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

bitflags::bitflags! {
    /// Rights, with the bits of `mmap(2)`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Prot: u32 {
        /// `PROT_READ`.
        const READ = 1;
        /// `PROT_WRITE`.
        const WRITE = 2;
        /// `PROT_EXEC`.
        const EXEC = 4;
    }
}

bitflags::bitflags! {
    /// What is special about a range.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Traits: u32 {
        /// A fault below it makes it longer (`MAP_GROWSDOWN`).
        const GROWS_DOWN = 1;
        /// Its pages stay present (`mlock(2)`).
        const LOCKED = 2;
        /// It can never be made writable: a shared mapping of a file that was not opened to write.
        const READ_ONLY = 4;
    }
}

/// What a mapping wants of a page of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// To have it mapped ahead of need, if that takes no new memory for a hole.
    Ahead,
    /// To read it.
    Read,
    /// To write it, and the file with it.
    Write,
}

/// A page of a file in memory. It stays the file's: whoever maps it does not free it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePage {
    /// Guest-physical address.
    pub frame: u64,
    /// True if writing to it is writing to the file; false where a [`Access::Write`] would first give the file another page.
    pub writable: bool,
}

/// A file whose pages mappings share (`mmap(2)`). When a page of it goes, it calls [`forget`](super::space::forget) first.
pub trait Pages: Send + Sync {
    /// The same number for all openings of one file.
    fn identity(&self) -> usize;

    /// The page at `index` (offset / 4096); `None` only if `access` is [`Access::Ahead`]. May block while the disk works.
    ///
    /// # Errors
    ///
    /// `ENXIO` past the end, `EIO`, `ENOSPC`, `EPERM` (sealed).
    fn page(&self, index: u64, access: Access) -> Result<Option<FilePage>>;

    /// True if the page is in memory (`mincore(2)`).
    fn resident(&self, index: u64) -> bool;

    /// Makes a range of bytes a hole (`MADV_REMOVE`).
    ///
    /// # Errors
    ///
    /// `EPERM` (sealed), `EIO`.
    fn punch(&self, range: core::ops::Range<u64>) -> Result<()>;
}

/// Where the contents of a range come from.
#[derive(Clone)]
pub enum Backing {
    /// Zeros.
    Zero,
    /// A file, privately: the byte at the range's start is at this offset.
    File(Arc<dyn File>, u64),
    /// A file, shared: writing to the range is writing to the file.
    Shared(Arc<dyn File>, u64),
}

impl Backing {
    /// What is `by` bytes further on.
    #[must_use]
    pub fn moved(&self, by: u64) -> Self {
        match self {
            Self::Zero => Self::Zero,
            Self::File(file, offset) => Self::File(file.clone(), offset + by),
            Self::Shared(file, offset) => Self::Shared(file.clone(), offset + by),
        }
    }

    /// The file and the offset, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<(&Arc<dyn File>, u64)> {
        match self {
            Self::Zero => None,
            Self::File(file, offset) | Self::Shared(file, offset) => Some((file, *offset)),
        }
    }

    /// True if writing to the range is writing to the file.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(..))
    }
}

/// A range with one set of rights and one backing.
#[derive(Clone)]
pub struct Area {
    /// First address.
    pub start: u64,
    /// One past the last address.
    pub end: u64,
    /// Rights.
    pub prot: Prot,
    /// What is special about it.
    pub traits: Traits,
    /// Contents of pages that were never written.
    pub backing: Backing,
    /// What `/proc/self/maps` calls it; empty for most.
    pub name: &'static str,
}

impl core::fmt::Debug for Backing {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Zero => f.write_str("Zero"),
            Self::File(_, offset) => write!(f, "File(+{offset:#x})"),
            Self::Shared(_, offset) => write!(f, "Shared(+{offset:#x})"),
        }
    }
}

impl core::fmt::Debug for Area {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:x}-{:x} {:?}", self.start, self.end, self.prot)
    }
}

impl Area {
    /// The same area from `start` on, with the file offset moved along.
    fn from(&self, start: u64) -> Self {
        Self {
            start,
            backing: self.backing.moved(start - self.start),
            ..self.clone()
        }
    }

    /// The part of the area that lies in the range.
    #[must_use]
    pub fn within(&self, start: u64, end: u64) -> Self {
        let mut part = self.from(start.max(self.start));
        part.end = end.min(self.end);
        part
    }

    /// The addresses at which the area shows the file's bytes `from..to`; `None` if it shows none of them.
    #[must_use]
    pub fn shows(&self, identity: usize, from: u64, to: u64) -> Option<(u64, u64)> {
        let (file, offset) = self.backing.file()?;
        if file.pages().is_none_or(|pages| pages.identity() != identity) {
            return None;
        }
        let low = from.max(offset);
        let high = to.min(offset + (self.end - self.start));
        (low < high).then(|| (self.start + (low - offset), self.start + (high - offset)))
    }

    /// True if `next` goes on where this ends, in every respect.
    fn joins(&self, next: &Self) -> bool {
        let contiguous = match (&self.backing, &next.backing) {
            (Backing::Zero, Backing::Zero) => true,
            (Backing::File(a, at), Backing::File(b, next_at))
            | (Backing::Shared(a, at), Backing::Shared(b, next_at)) => {
                Arc::ptr_eq(a, b) && at + (self.end - self.start) == *next_at
            }
            _ => false,
        };
        let alike = self.prot == next.prot && self.traits == next.traits && self.name == next.name;
        self.end == next.start && alike && contiguous
    }
}

/// Most areas that a program may have: Linux's default `vm.max_map_count`. Without a limit they would take all memory from the kernel.
pub const MAX_AREAS: usize = 65530;

/// The map. Every operation costs the logarithm of the number of areas and the number of those that it touches;
/// a program may have tens of thousands.
#[derive(Debug, Default)]
pub struct AreaMap {
    areas: BTreeMap<u64, Area>,
    /// No free range above `searched` is longer than `largest_above`: where the search for a gap may begin.
    searched: u64,
    largest_above: u64,
}

impl AreaMap {
    /// An empty map.
    pub const fn new() -> Self {
        Self {
            areas: BTreeMap::new(),
            searched: u64::MAX,
            largest_above: 0,
        }
    }

    /// True if the program may have no more areas; a change that makes none is still allowed.
    pub fn is_full(&self) -> bool {
        self.areas.len() >= MAX_AREAS
    }

    /// True if a change of that range cannot be made because it would cut an area in two, and there may be no more of them.
    pub fn refuses_to_split(&self, start: u64, end: u64) -> bool {
        let reaches_across = |at: u64| self.find(at).is_some_and(|area| area.start < at);
        self.is_full() && (reaches_across(start) || reaches_across(end))
    }

    /// The area that holds the address.
    pub fn find(&self, address: u64) -> Option<&Area> {
        self.areas
            .range(..=address)
            .next_back()
            .map(|(_, area)| area)
            .filter(|area| address < area.end)
    }

    /// The first area that begins above the address.
    pub fn next_above(&self, address: u64) -> Option<&Area> {
        self.areas
            .range(address.saturating_add(1)..)
            .next()
            .map(|(_, area)| area)
    }

    /// All areas that touch the range, in order.
    pub fn overlapping(&self, start: u64, end: u64) -> impl Iterator<Item = &Area> {
        let first = self.find(start).map_or(start, |area| area.start);
        self.areas.range(first..end.max(first)).map(|(_, area)| area)
    }

    /// True if every address of the range is in some area that `allowed` accepts.
    pub fn covers(&self, start: u64, end: u64, allowed: impl Fn(&Area) -> bool) -> bool {
        let mut at = start;
        for area in self.overlapping(start, end) {
            if area.start > at || !allowed(area) {
                return false;
            }
            at = area.end;
        }
        at >= end
    }

    /// Cuts the areas at `at`, so that none reaches across.
    fn split(&mut self, at: u64) {
        if let Some(area) = self.find(at).filter(|area| area.start < at) {
            let (key, upper) = (area.start, area.from(at));
            if let Some(lower) = self.areas.get_mut(&key) {
                lower.end = at;
            }
            self.areas.insert(at, upper);
        }
    }

    /// How many bytes of a range are locked.
    pub fn locked(&self, start: u64, end: u64) -> u64 {
        let locked = |area: &&Area| area.traits.contains(Traits::LOCKED);
        let areas = self.overlapping(start, end).filter(locked);
        areas.map(|area| area.end.min(end) - area.start.max(start)).sum()
    }

    /// Takes the range out of the map, and gives what was there: drop it after unlocking the map, as a file may go with it.
    #[must_use]
    pub fn remove(&mut self, start: u64, end: u64) -> Vec<Area> {
        self.split(start);
        self.split(end);
        let mut removed = Vec::new();
        // One by one: taking a range out of the tree as a whole would rebuild all of it.
        while let Some((&key, _)) = self.areas.range(start..end).next() {
            removed.extend(self.areas.remove(&key));
        }
        if !removed.is_empty() {
            let low = self
                .areas
                .range(..start)
                .next_back()
                .map_or(0, |(_, area)| area.end);
            let high = self.areas.range(start..).next().map_or(u64::MAX, |(&key, _)| key);
            if high > self.searched {
                self.largest_above = self.largest_above.max(high - low);
            }
        }
        removed
    }

    /// Puts an area in, over whatever was there, and joins it with equal neighbours. Gives what was there, as [`remove`](Self::remove).
    #[must_use]
    pub fn insert(&mut self, area: Area) -> Vec<Area> {
        let removed = self.remove(area.start, area.end);
        let (start, end) = (area.start, area.end);
        self.areas.insert(start, area);
        self.join_at(end);
        self.join_at(start);
        removed
    }

    /// Changes the rights of the range.
    pub fn protect(&mut self, start: u64, end: u64, prot: Prot) {
        self.change(start, end, |area| area.prot = prot);
    }

    /// Changes the areas of the range, cut at its edges, and joins what is alike then.
    pub fn change(&mut self, start: u64, end: u64, change: impl Fn(&mut Area)) {
        self.split(start);
        self.split(end);
        for (_, area) in self.areas.range_mut(start..end) {
            change(area);
        }
        let edges: Vec<u64> = self.areas.range(start..=end).map(|(&start, _)| start).collect();
        for edge in edges.into_iter().rev() {
            self.join_at(edge);
        }
    }

    /// Moves the start of the area that begins at `start` down to `new`, which is free.
    pub fn grow_down(&mut self, start: u64, new: u64) {
        if let Some(mut area) = self.areas.remove(&start) {
            area.start = new;
            self.areas.insert(new, area);
            self.join_at(new);
        }
    }

    /// Joins the areas that meet at `at`, if they are alike.
    fn join_at(&mut self, at: u64) {
        let Some(upper) = self.areas.get(&at) else { return };
        let Some((&key, lower)) = self.areas.range(..at).next_back() else {
            return;
        };
        if lower.joins(upper) {
            let end = upper.end;
            self.areas.remove(&at);
            if let Some(lower) = self.areas.get_mut(&key) {
                lower.end = end;
            }
        }
    }

    /// The highest free range of `len` bytes (a multiple of the page) that ends at or below `ceiling` and begins at or above `floor`. Every
    /// call names the same `ceiling`.
    pub fn gap_below(&mut self, ceiling: u64, floor: u64, len: u64) -> Option<u64> {
        // What was searched before without finding so much need not be searched again: else each of many mappings looks at all before it.
        let (mut end, mut largest) = match len > self.largest_above && self.searched < ceiling {
            true => (self.searched, self.largest_above),
            false => (ceiling, 0),
        };
        for (_, area) in self.areas.range(..end).rev() {
            let gap = end.saturating_sub(area.end);
            if gap >= len {
                break;
            }
            largest = largest.max(gap);
            end = end.min(area.start);
        }
        (self.searched, self.largest_above) = (end, largest);
        end.checked_sub(len).filter(|&start| start >= floor)
    }

    /// The highest free range of `len` bytes in another range.
    pub fn gap_within(&self, floor: u64, ceiling: u64, len: u64) -> Option<u64> {
        let mut end = ceiling;
        for (_, area) in self.areas.range(..ceiling).rev() {
            if end.saturating_sub(area.end) >= len || area.end <= floor {
                break;
            }
            end = end.min(area.start);
        }
        end.checked_sub(len).filter(|&start| start >= floor)
    }

    /// True if nothing is in the range.
    pub fn is_free(&self, start: u64, end: u64) -> bool {
        self.overlapping(start, end).next().is_none()
    }

    /// All areas in order.
    pub fn iter(&self) -> impl Iterator<Item = &Area> {
        self.areas.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    fn area(start: u64, end: u64, prot: u32) -> Area {
        Area {
            start: start * PAGE,
            end: end * PAGE,
            prot: Prot::from_bits_truncate(prot),
            traits: Traits::empty(),
            backing: Backing::Zero,
            name: "",
        }
    }

    /// The model: rights of each page of a small address space, `None` where nothing is mapped.
    #[test]
    fn random_operations_agree_with_a_page_by_page_model() {
        const PAGES: u64 = 48;
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut random = move |bound: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % bound
        };
        let (mut map, mut model) = (AreaMap::new(), [None; PAGES as usize]);
        for _ in 0..20_000 {
            let start = random(PAGES);
            let end = start + 1 + random(PAGES - start);
            let prot = random(4) as u32;
            match random(3) {
                0 => {
                    let _ = map.insert(area(start, end, prot));
                    model[start as usize..end as usize].fill(Some(prot));
                }
                1 => {
                    let _ = map.remove(start * PAGE, end * PAGE);
                    model[start as usize..end as usize].fill(None);
                }
                _ => {
                    let covered = map.covers(start * PAGE, end * PAGE, |_| true);
                    assert_eq!(
                        covered,
                        model[start as usize..end as usize].iter().all(Option::is_some)
                    );
                    map.protect(start * PAGE, end * PAGE, Prot::from_bits_truncate(prot));
                    model[start as usize..end as usize]
                        .iter_mut()
                        .flatten()
                        .for_each(|p| *p = prot);
                }
            }
            for page in 0..PAGES {
                let found = map.find(page * PAGE).map(|area| area.prot.bits());
                assert_eq!(found, model[page as usize], "page {page}");
            }
            let all: Vec<_> = map.iter().collect();
            assert!(
                all.windows(2)
                    .all(|w| w[0].end <= w[1].start && !w[0].joins(w[1])),
                "unjoined or overlapping: {all:?}"
            );
            let want = 1 + random(6);
            let best = (0..=PAGES - want).rev().find(|&at| {
                model[at as usize..(at + want) as usize]
                    .iter()
                    .all(Option::is_none)
            });
            assert_eq!(
                map.gap_below(PAGES * PAGE, 0, want * PAGE),
                best.map(|at| at * PAGE)
            );
        }
    }

    /// Fifty thousand areas that cannot be joined: mapped one by one, and taken away in an order that leaves holes. With a cost that grew with
    /// the number of areas, this would be a thousand million steps.
    #[test]
    fn many_areas_cost_little_each() {
        const COUNT: u64 = 50_000;
        let started = std::time::Instant::now();
        let (ceiling, mut map) = (1 << 40, AreaMap::new());
        for index in 0..COUNT {
            let start = map.gap_below(ceiling, 0, PAGE).unwrap();
            assert_eq!(start, ceiling - (index + 1) * PAGE);
            let _ = map.insert(area(start / PAGE, start / PAGE + 1, 1 + (index % 2) as u32));
        }
        assert_eq!(map.iter().count() as u64, COUNT);
        for index in (0..COUNT).step_by(2) {
            let start = ceiling - (index + 1) * PAGE;
            assert_eq!(map.remove(start, start + PAGE).len(), 1);
        }
        // The holes are found again, the highest first, and what fits in none goes below all.
        assert_eq!(
            map.gap_below(ceiling, 0, 2 * PAGE),
            Some(ceiling - COUNT * PAGE - 2 * PAGE)
        );
        assert_eq!(map.gap_below(ceiling, 0, PAGE), Some(ceiling - PAGE));
        assert!(
            started.elapsed() < core::time::Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
    }
}
