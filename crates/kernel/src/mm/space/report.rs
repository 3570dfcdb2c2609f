//! `/proc/self/maps` and its kin, and figures.

use super::{
    super::{
        Usage, frames,
        paging::{self, bits},
        vma::{Area, Prot, Traits},
    },
    PAGE, SPACE,
};
use crate::file::Stat;
use alloc::{format, string::String, vec::Vec};

/// The map as `/proc/self/maps` shows it (`proc(5)`).
#[must_use]
pub fn maps_text() -> String {
    let areas: Vec<Area> = SPACE.lock().areas.iter().cloned().collect();
    areas.iter().map(maps_line).collect()
}

/// An area's line, with its end.
fn maps_line(area: &Area) -> String {
    let flag = |prot, letter| if area.prot.contains(prot) { letter } else { '-' };
    let (r, w, x) = (
        flag(Prot::READ, 'r'),
        flag(Prot::WRITE, 'w'),
        flag(Prot::EXEC, 'x'),
    );
    let kind = if area.backing.is_shared() { 's' } else { 'p' };
    let (offset, stat, path) = match area.backing.file() {
        None => (0, Stat::default(), None),
        Some((file, offset)) => (offset, file.stat().unwrap_or_default(), file.path()),
    };
    let head = format!(
        "{:x}-{:x} {r}{w}{x}{kind} {offset:08x} {:02x}:{:02x} {} ",
        area.start,
        area.end,
        stat.dev >> 8 & 0xfff,
        stat.dev & 0xff | stat.dev >> 12 & 0xf_ff00,
        stat.ino
    );
    match path.as_deref().unwrap_or(area.name) {
        "" => format!("{head}\n"),
        name => format!("{head:<73}{}\n", name.replace('\n', "\\012")),
    }
}

/// What of an area is in memory, in bytes. There is no other process, so nothing is shared with one: what Linux counts as proportional is all the area's.
#[derive(Clone, Copy, Debug, Default)]
struct Present {
    /// Pages of the area's own: anonymous memory, and copies of a file's.
    own: u64,
    /// A file's pages that can be written, and count as if they were.
    written: u64,
    /// A file's pages that can only be read.
    clean: u64,
    /// Of all these, locked.
    locked: u64,
}

impl Present {
    fn of(area: &Area) -> Self {
        let mut present = Self::default();
        paging::for_each(area.start, area.end, |_, slot| {
            let kind = match *slot {
                0 => return,
                entry if entry & bits::BORROWED == 0 => &mut present.own,
                entry if entry & bits::WRITE != 0 => &mut present.written,
                _ => &mut present.clean,
            };
            *kind += PAGE;
        });
        if area.traits.contains(Traits::LOCKED) {
            present.locked = present.all();
        }
        present
    }

    const fn all(&self) -> u64 {
        self.own + self.written + self.clean
    }

    fn add(&mut self, other: &Self) {
        self.own += other.own;
        self.written += other.written;
        self.clean += other.clean;
        self.locked += other.locked;
    }

    /// The lines from `Rss` to `Locked`; those of kinds of memory that there are not (huge pages, swap) say 0. The rollup has three more than the areas do.
    fn lines(&self, rollup: bool) -> String {
        let dirty = self.own + self.written;
        let kinds: &[(&str, u64)] = match rollup {
            true => &[
                ("Pss_Anon", self.own),
                ("Pss_File", self.written + self.clean),
                ("Pss_Shmem", 0),
            ],
            false => &[],
        };
        let first = [("Rss", self.all()), ("Pss", self.all()), ("Pss_Dirty", dirty)];
        let then = [
            ("Shared_Clean", 0),
            ("Shared_Dirty", 0),
            ("Private_Clean", self.clean),
            ("Private_Dirty", dirty),
            ("Referenced", self.all()),
            ("Anonymous", self.own),
            ("KSM", 0),
            ("LazyFree", 0),
            ("AnonHugePages", 0),
            ("ShmemPmdMapped", 0),
            ("FilePmdMapped", 0),
            ("Shared_Hugetlb", 0),
            ("Private_Hugetlb", 0),
            ("Swap", 0),
            ("SwapPss", 0),
            ("Locked", self.locked),
        ];
        let all = first.iter().chain(kinds).chain(&then);
        all.map(|(name, bytes)| figure(name, *bytes)).collect()
    }
}

/// A line of `/proc/self/smaps`.
fn figure(name: &str, bytes: u64) -> String {
    format!("{:<16}{:8} kB\n", format!("{name}:"), bytes >> 10)
}

/// The flags of an area, as `VmFlags` names them (`proc(5)`); those alone that are kept here.
fn flags(area: &Area) -> String {
    let (shared, read_only) = (area.backing.is_shared(), area.traits.contains(Traits::READ_ONLY));
    let private_writable = !shared && area.prot.contains(Prot::WRITE);
    [
        ("rd ", area.prot.contains(Prot::READ)),
        ("wr ", area.prot.contains(Prot::WRITE)),
        ("ex ", area.prot.contains(Prot::EXEC)),
        ("sh ", shared && !read_only),
        ("mr ", true),
        ("mw ", !read_only),
        ("me ", true),
        ("ms ", shared),
        ("gd ", area.traits.contains(Traits::GROWS_DOWN)),
        ("lo ", area.traits.contains(Traits::LOCKED)),
        ("ac ", private_writable),
    ]
    .iter()
    .filter_map(|&(name, set)| set.then_some(name))
    .collect()
}

/// Every area, with what of it was in memory. A page that was mapped ahead of need is in memory as far as can be told here.
fn measured() -> Vec<(Area, Present)> {
    let space = SPACE.lock();
    space
        .areas
        .iter()
        .map(|area| (area.clone(), Present::of(area)))
        .collect()
}

/// The map with figures, as `/proc/self/smaps` shows it (`proc(5)`).
#[must_use]
pub fn smaps_text() -> String {
    let mut text = String::new();
    for (area, present) in measured() {
        text.push_str(&maps_line(&area));
        text.push_str(&figure("Size", area.end - area.start));
        text.push_str(&figure("KernelPageSize", PAGE));
        text.push_str(&figure("MMUPageSize", PAGE));
        text.push_str(&present.lines(false));
        text.push_str(&format!("THPeligible:           0\nVmFlags: {}\n", flags(&area)));
    }
    text
}

/// The sums of all areas, as `/proc/self/smaps_rollup` shows them (`proc(5)`).
#[must_use]
pub fn smaps_rollup_text() -> String {
    let areas = measured();
    let mut sum = Present::default();
    areas.iter().for_each(|(_, present)| sum.add(present));
    let start = areas.first().map_or(0, |(area, _)| area.start);
    let end = areas.last().map_or(0, |(area, _)| area.end);
    let head = format!("{start:x}-{end:x} ---p 00000000 00:00 0 ");
    format!("{head:<73}[rollup]\n{}", sum.lines(true))
}

/// Memory figures.
#[must_use]
pub fn usage() -> Usage {
    let (free, total) = frames::counts();
    let space = SPACE.lock();
    Usage {
        total: total * PAGE,
        free: free * PAGE,
        mapped: space.areas.iter().map(|area| area.end - area.start).sum(),
        resident: space.resident * PAGE,
        locked: space.areas.locked(0, u64::MAX),
    }
}
