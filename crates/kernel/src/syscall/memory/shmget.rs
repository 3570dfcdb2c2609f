//! `shmget(2)`, and the segments of System V's shared memory.
//!
//! There is one process to share them with, yet programs take memory this way: a segment is a nameless file, and attaching it maps that. How often it is attached is
//! asked of the memory map, which knows of every way to unmap.

use crate::{
    errno::{Errno, Result},
    file::File,
    fs,
    mm::space,
    sync::Lock,
    syscall::Args,
    time::clock,
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

const IPC_PRIVATE: i32 = 0;
const IPC_CREAT: u32 = 0o1000;
const IPC_EXCL: u32 = 0o2000;
const SHM_HUGETLB: u32 = 0o4000;

/// Most segments (`SHMMNI`).
const MAX_SEGMENTS: usize = 4096;

/// A segment.
#[derive(Clone)]
pub(super) struct Segment {
    pub(super) key: i32,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    /// What is mapped.
    pub(super) file: Arc<dyn File>,
    /// It goes when nobody has it attached any more.
    pub(super) removed: bool,
    /// Seconds since the epoch of the last attaching, detaching and change.
    pub(super) attached_at: u64,
    pub(super) detached_at: u64,
    pub(super) changed_at: u64,
}

impl Segment {
    /// Where it is attached: ranges, with the offset of each.
    pub(super) fn ranges(&self) -> Vec<(core::ops::Range<u64>, u64)> {
        let identity = self.file.pages().map(|pages| pages.identity());
        identity.map(space::shared_ranges).unwrap_or_default()
    }
}

struct Segments {
    /// By number.
    known: BTreeMap<i32, Segment>,
    next: i32,
}

static SEGMENTS: Lock<Segments> = Lock::new(Segments {
    known: BTreeMap::new(),
    next: 0,
});

/// Seconds since the epoch.
pub(super) fn seconds() -> u64 {
    clock::realtime() / 1_000_000_000
}

/// Segments with their numbers, as they are now; those that are to go and that nobody has attached are gone.
pub(super) fn all() -> Vec<(i32, Segment)> {
    let known = SEGMENTS.lock().known.clone();
    // The memory map has a lock of its own, and is asked without this one.
    let (gone, there): (Vec<_>, Vec<_>) = known
        .into_iter()
        .partition(|(_, segment)| segment.removed && segment.ranges().is_empty());
    for (id, _) in gone {
        let taken = SEGMENTS.lock().known.remove(&id);
        drop(taken);
    }
    there
}

/// The segment of that number.
///
/// # Errors
///
/// `EINVAL`.
pub(super) fn find(id: i32) -> Result<Segment> {
    let found = all().into_iter().find(|(known, _)| *known == id);
    found.map(|(_, segment)| segment).ok_or(Errno::EINVAL)
}

/// Changes the segment of that number, if it is still there.
pub(super) fn change(id: i32, how: impl FnOnce(&mut Segment)) {
    if let Some(segment) = SEGMENTS.lock().known.get_mut(&id) {
        how(segment);
    }
}

/// Finds or makes the segment of a key.
pub(super) fn shmget(args: &Args) -> Result<usize> {
    let (key, size, flags) = (args.int(0), args.0[1], args.uint(2));
    let all = all();
    if key != IPC_PRIVATE
        && let Some((id, segment)) = all.iter().find(|(_, segment)| segment.key == key)
    {
        return match flags {
            _ if flags & IPC_CREAT != 0 && flags & IPC_EXCL != 0 => Err(Errno::EEXIST),
            _ if size > segment.size => Err(Errno::EINVAL),
            _ => Ok(*id as usize),
        };
    }
    if key != IPC_PRIVATE && flags & IPC_CREAT == 0 {
        return Err(Errno::ENOENT);
    }
    if size == 0 {
        return Err(Errno::EINVAL);
    }
    if flags & SHM_HUGETLB != 0 {
        return Err(Errno::ENOMEM);
    }
    if all.len() >= MAX_SEGMENTS {
        return Err(Errno::ENOSPC);
    }
    let pages = size.checked_next_multiple_of(crate::mm::PAGE_SIZE as u64);
    let file = fs::shared_memory(pages.ok_or(Errno::EINVAL)?)?;
    let owner = {
        let ids = crate::process::credentials::get().lock();
        (ids.user.effective, ids.group.effective)
    };
    let segment = Segment {
        key,
        size,
        mode: flags & 0o777,
        owner,
        file,
        removed: false,
        attached_at: 0,
        detached_at: 0,
        changed_at: seconds(),
    };
    let mut segments = SEGMENTS.lock();
    let id = segments.next;
    segments.next = id.wrapping_add(1) & i32::MAX;
    segments.known.insert(id, segment);
    Ok(id as usize)
}
