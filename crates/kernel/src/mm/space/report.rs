//! `/proc/self/maps` and figures.

use super::{
    super::{
        Usage, frames,
        vma::{Area, Prot},
    },
    PAGE, SPACE,
};
use crate::file::Stat;
use alloc::{format, string::String, vec::Vec};

/// The map as `/proc/self/maps` shows it (`proc(5)`).
#[must_use]
pub fn maps_text() -> String {
    let areas: Vec<Area> = SPACE.lock().areas.iter().cloned().collect();
    let mut text = String::new();
    for area in areas {
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
            "" => text.push_str(&format!("{head}\n")),
            name => text.push_str(&format!("{head:<73}{}\n", name.replace('\n', "\\012"))),
        }
    }
    text
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
    }
}
