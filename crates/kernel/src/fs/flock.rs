//! Whole-file locks (`flock(2)`), which belong to open file descriptions and so can conflict within one process.
//!
//! Few files are ever locked: the locks are in one table by node, not in the nodes.

use super::file::NodeFile;
use crate::{
    errno::{Errno, Result},
    sync::Lock,
    wait::{WaitQueue, wait_until},
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

/// By the node's address (which an open file keeps from being used again): holders, by the opening's address, and if the lock is exclusive.
static LOCKS: Lock<BTreeMap<usize, (bool, Vec<usize>)>> = Lock::new(BTreeMap::new());
static CHANGED: WaitQueue = WaitQueue::new();

fn keys(file: &NodeFile) -> (usize, usize) {
    (
        Arc::as_ptr(&file.node) as usize,
        core::ptr::from_ref(file) as usize,
    )
}

/// Gives up the lock of an opening, if it has one.
pub(super) fn release(file: &NodeFile) {
    let (node, owner) = keys(file);
    let mut locks = LOCKS.lock();
    let Some((_, owners)) = locks.get_mut(&node) else {
        return;
    };
    let before = owners.len();
    owners.retain(|&other| other != owner);
    let changed = owners.len() < before;
    if owners.is_empty() {
        locks.remove(&node);
    }
    drop(locks);
    if changed {
        CHANGED.wake_all();
    }
}

fn try_acquire(file: &NodeFile, exclusive: bool) -> bool {
    let (node, owner) = keys(file);
    let mut locks = LOCKS.lock();
    let (is_exclusive, owners) = locks.entry(node).or_default();
    let others = owners.iter().any(|&other| other != owner);
    if others && (exclusive || *is_exclusive) {
        return false;
    }
    *is_exclusive = exclusive;
    if !owners.contains(&owner) {
        owners.push(owner);
    }
    true
}

/// Takes a lock, or changes the kind of one that is held; waits unless `try_only`.
///
/// # Errors
///
/// `EAGAIN` (`EWOULDBLOCK`) if another holds it and `try_only`; `ERESTARTSYS` when a signal came first.
pub(crate) fn acquire(file: &NodeFile, exclusive: bool, try_only: bool) -> Result<()> {
    if try_acquire(file, exclusive) {
        return Ok(());
    }
    // A conversion gives the old lock up first (flock(2): "not guaranteed to be atomic").
    release(file);
    if try_only {
        return Err(Errno::EAGAIN);
    }
    wait_until(&[&CHANGED], None, || try_acquire(file, exclusive).then_some(()))
        .map_err(|interrupted| interrupted.errno())
}

/// Gives a lock up.
pub(crate) fn unlock(file: &NodeFile) {
    release(file);
}
