//! Record locks (`fcntl(2)`, "Advisory record locking" and "Open file description locks").
//!
//! Those of the process never conflict with each other, as there is one process; those of open file descriptions conflict with them and among each other.
//! As with whole-file locks ([`flock`](super::flock)), few files are ever locked: the locks are in one table by node.

use super::file::NodeFile;
use crate::{
    errno::Result,
    file::OpenFile,
    sync::Lock,
    wait::{WaitQueue, wait_until},
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::ops::Range;

/// Who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The process (`F_SETLK`).
    Process,
    /// The open file description at this address (`F_OFD_SETLK`).
    Description(usize),
}

impl Owner {
    /// The owner of locks that are taken by an open file description for itself.
    pub(crate) fn of(open: &OpenFile) -> Option<Self> {
        NodeFile::of(open).map(|file| Self::Description(core::ptr::from_ref(file) as usize))
    }
}

/// A lock on a range of bytes; its end may be past the end of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Who holds it.
    pub(crate) owner: Owner,
    /// True for a write lock.
    pub(crate) exclusive: bool,
    /// The bytes; `u64::MAX` as the end is "and all that come".
    pub(crate) range: Range<u64>,
}

static RECORDS: Lock<BTreeMap<usize, Vec<Record>>> = Lock::new(BTreeMap::new());
static CHANGED: WaitQueue = WaitQueue::new();

fn key(file: &NodeFile) -> usize {
    Arc::as_ptr(&file.node) as usize
}

/// The first that keeps `wanted` from being taken.
fn conflict<'a>(held: &'a [Record], wanted: &Record) -> Option<&'a Record> {
    held.iter().find(|record| {
        record.owner != wanted.owner
            && (record.exclusive || wanted.exclusive)
            && record.range.start < wanted.range.end
            && wanted.range.start < record.range.end
    })
}

/// Takes `range` out of the owner's locks, which may shrink, split or go, and puts `wanted` there, joined with its neighbours of the same kind.
///
/// An owner's locks stand together in the order of their bytes, and the owners in the order in which they came, as in Linux: which of several
/// conflicts `F_GETLK` tells of depends on it.
fn change(held: &mut Vec<Record>, owner: Owner, range: &Range<u64>, wanted: Option<Record>) {
    let first = held
        .iter()
        .position(|record| record.owner == owner)
        .unwrap_or(held.len());
    let count = held[first..]
        .iter()
        .take_while(|record| record.owner == owner)
        .count();
    let before = held.drain(first..first + count);
    let mut parts: Vec<Record> = before
        .flat_map(|record| {
            let below = record.range.start..range.start.clamp(record.range.start, record.range.end);
            let above = range.end.clamp(record.range.start, record.range.end)..record.range.end;
            [below, above].map(|range| Record {
                range,
                ..record.clone()
            })
        })
        .chain(wanted)
        .filter(|record| !record.range.is_empty())
        .collect();
    parts.sort_by_key(|record| record.range.start);
    parts.dedup_by(|next, record| {
        let joins = next.exclusive == record.exclusive && next.range.start <= record.range.end;
        if joins {
            record.range.end = record.range.end.max(next.range.end);
        }
        joins
    });
    held.splice(first..first, parts);
}

/// What keeps a lock from being taken (`F_GETLK`), if anything does.
pub(crate) fn blocker(file: &NodeFile, wanted: &Record) -> Option<Record> {
    let records = RECORDS.lock();
    conflict(records.get(&key(file))?, wanted).cloned()
}

fn try_take(file: &NodeFile, wanted: &Record) -> bool {
    let mut records = RECORDS.lock();
    let held = records.entry(key(file)).or_default();
    if conflict(held, wanted).is_some() {
        return false;
    }
    change(held, wanted.owner, &wanted.range, Some(wanted.clone()));
    true
}

/// Takes a lock or changes the kind of one; false if another is in the way and `wait` is not asked for.
///
/// # Errors
///
/// `ERESTARTSYS` when a signal came before the lock was free.
pub(crate) fn take(file: &NodeFile, wanted: &Record, wait: bool) -> Result<bool> {
    let taken = try_take(file, wanted);
    if taken {
        // A write lock that became a read lock lets others in.
        CHANGED.wake_all();
    }
    if taken || !wait {
        return Ok(taken);
    }
    wait_until(&[&CHANGED], None, || try_take(file, wanted).then_some(true))
        .map_err(|interrupted| interrupted.errno())
}

/// Gives up what an owner holds of a range.
pub(crate) fn give_up(file: &NodeFile, owner: Owner, range: &Range<u64>) {
    let mut records = RECORDS.lock();
    let Some(held) = records.get_mut(&key(file)) else {
        return;
    };
    change(held, owner, range, None);
    if held.is_empty() {
        records.remove(&key(file));
    }
    drop(records);
    CHANGED.wake_all();
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Owner = Owner::Description(1);
    const B: Owner = Owner::Description(2);

    fn record(owner: Owner, exclusive: bool, range: Range<u64>) -> Record {
        Record {
            owner,
            exclusive,
            range,
        }
    }

    /// Against a model of one cell a byte: seeded sequences of locking and giving up.
    #[test]
    fn locks_are_what_a_map_of_bytes_says() {
        let mut held = Vec::new();
        let mut model = [[None::<bool>; 16]; 2];
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |limit: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % limit
        };
        for _ in 0..4000 {
            let (who, start, len, kind) = (next(2) as usize, next(15), 1 + next(8), next(3));
            let (owner, range) = ([A, B][who], start..(start + len).min(16));
            let bytes = range.start as usize..range.end as usize;
            if kind == 2 {
                change(&mut held, owner, &range, None);
                model[who][bytes].fill(None);
            } else {
                let wanted = record(owner, kind == 1, range);
                let free = model[1 - who][bytes.clone()]
                    .iter()
                    .all(|other| other.is_none_or(|exclusive| !exclusive && kind == 0));
                assert_eq!(conflict(&held, &wanted).is_none(), free);
                if free {
                    change(&mut held, owner, &wanted.range.clone(), Some(wanted));
                    model[who][bytes].fill(Some(kind == 1));
                }
            }
            for (who, owner) in [A, B].into_iter().enumerate() {
                for byte in 0..16u64 {
                    let mut there = held
                        .iter()
                        .filter(|record| record.owner == owner && record.range.contains(&byte));
                    assert_eq!(
                        there.next().map(|record| record.exclusive),
                        model[who][byte as usize]
                    );
                    assert!(there.next().is_none(), "two locks of one owner on a byte");
                }
            }
        }
    }

    #[test]
    fn neighbours_of_one_kind_are_one_lock() {
        let mut held = Vec::new();
        for wanted in [
            record(A, true, 0..10),
            record(B, true, 30..40),
            record(A, true, 10..20),
        ] {
            change(&mut held, wanted.owner, &wanted.range.clone(), Some(wanted));
        }
        assert_eq!(held, [record(A, true, 0..20), record(B, true, 30..40)]);
        change(&mut held, A, &(5..6), Some(record(A, false, 5..6)));
        assert_eq!(
            held[..3].iter().map(|record| record.owner).collect::<Vec<_>>(),
            [A; 3]
        );
    }
}
