//! The program's memory map: which ranges exist, with which rights and what behind them. Pure bookkeeping, without page tables.

use crate::file::File;
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

/// Where the contents of a range come from.
#[derive(Clone)]
pub enum Backing {
    /// Zeros.
    Zero,
    /// A file, privately: the byte at the range's start is at this offset.
    File(Arc<dyn File>, u64),
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
        let backing = match &self.backing {
            Backing::Zero => Backing::Zero,
            Backing::File(file, offset) => Backing::File(file.clone(), offset + (start - self.start)),
        };
        Self {
            start,
            backing,
            ..self.clone()
        }
    }

    /// True if `next` goes on where this ends, in every respect.
    fn joins(&self, next: &Self) -> bool {
        let contiguous = match (&self.backing, &next.backing) {
            (Backing::Zero, Backing::Zero) => true,
            (Backing::File(a, at), Backing::File(b, next_at)) => {
                Arc::ptr_eq(a, b) && at + (self.end - self.start) == *next_at
            }
            _ => false,
        };
        self.end == next.start && self.prot == next.prot && self.name == next.name && contiguous
    }
}

/// The map.
#[derive(Debug, Default)]
pub struct AreaMap {
    areas: BTreeMap<u64, Area>,
}

impl AreaMap {
    /// An empty map.
    pub const fn new() -> Self {
        Self {
            areas: BTreeMap::new(),
        }
    }

    /// The area that holds the address.
    pub fn find(&self, address: u64) -> Option<&Area> {
        self.areas
            .range(..=address)
            .next_back()
            .map(|(_, area)| area)
            .filter(|area| address < area.end)
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

    /// Takes the range out of the map.
    pub fn remove(&mut self, start: u64, end: u64) {
        self.split(start);
        self.split(end);
        let mut tail = self.areas.split_off(&start);
        let mut rest = tail.split_off(&end);
        self.areas.append(&mut rest);
    }

    /// Puts an area in, over whatever was there, and joins it with equal neighbours.
    pub fn insert(&mut self, area: Area) {
        self.remove(area.start, area.end);
        let (start, end) = (area.start, area.end);
        self.areas.insert(start, area);
        self.join_at(end);
        self.join_at(start);
    }

    /// Changes the rights of the range.
    pub fn protect(&mut self, start: u64, end: u64, prot: Prot) {
        self.split(start);
        self.split(end);
        for (_, area) in self.areas.range_mut(start..end) {
            area.prot = prot;
        }
        let edges: Vec<u64> = self.areas.range(start..=end).map(|(&start, _)| start).collect();
        for edge in edges.into_iter().rev() {
            self.join_at(edge);
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

    /// The highest free range of `len` bytes (a multiple of the page) that ends at or below `ceiling` and begins at or above `floor`.
    pub fn gap_below(&self, ceiling: u64, floor: u64, len: u64) -> Option<u64> {
        let mut end = ceiling;
        for (_, area) in self.areas.range(..ceiling).rev() {
            if area.end <= end && end - area.end >= len {
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
                    map.insert(area(start, end, prot));
                    model[start as usize..end as usize].fill(Some(prot));
                }
                1 => {
                    map.remove(start * PAGE, end * PAGE);
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
}
