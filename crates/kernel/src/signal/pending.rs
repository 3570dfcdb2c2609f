//! Signals that were sent and not taken yet.

use super::info::{REALTIME, SYNCHRONOUS, SigInfo, SigSet, bit};
use crate::sync::Lock;
use alloc::collections::VecDeque;
use core::sync::atomic::{AtomicU64, Ordering};

/// The most realtime signals that wait at a time (`RLIMIT_SIGPENDING`, `getrlimit(2)`).
pub const QUEUE_LIMIT: usize = 4096;

/// The pending signals of a thread, or of the process.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// Which there are in `queue`; apart from it, so that asking costs one load.
    set: AtomicU64,
    queue: Lock<VecDeque<SigInfo>>,
}

impl Pending {
    pub(super) const fn new() -> Self {
        Self {
            set: AtomicU64::new(0),
            queue: Lock::new(VecDeque::new()),
        }
    }

    /// Those that wait.
    pub(super) fn set(&self) -> SigSet {
        self.set.load(Ordering::Relaxed)
    }

    /// Adds a signal. A standard signal that waits already is not added again (`signal(7)`); false if `limit` realtime signals wait, or the queue is full.
    pub(super) fn push(&self, info: SigInfo, limit: usize) -> bool {
        let signal = bit(info.signo);
        if info.signo < REALTIME && self.set() & signal != 0 {
            return true;
        }
        let mut queue = self.queue.lock();
        if info.signo >= REALTIME && queue.len() >= limit.min(QUEUE_LIMIT) {
            return false;
        }
        queue.push_back(info);
        self.set.fetch_or(signal, Ordering::Relaxed);
        true
    }

    /// Takes the next of `wanted`: faults first, then the lowest number, equal numbers in the order of their sending (`signal(7)`).
    pub(super) fn take(&self, wanted: SigSet) -> Option<SigInfo> {
        let candidates = self.set() & wanted;
        if candidates == 0 {
            return None;
        }
        let first = match candidates & SYNCHRONOUS {
            0 => candidates,
            faults => faults,
        };
        let signo = first.trailing_zeros() as i32 + 1;
        let mut queue = self.queue.lock();
        let index = queue.iter().position(|info| info.signo == signo)?;
        let info = queue.remove(index)?;
        if !queue.iter().any(|info| info.signo == signo) {
            self.set.fetch_and(!bit(signo), Ordering::Relaxed);
        }
        Some(info)
    }

    /// True if one that `matches` waits.
    pub(super) fn any(&self, matches: impl Fn(&SigInfo) -> bool) -> bool {
        self.set() != 0 && self.queue.lock().iter().any(matches)
    }

    /// Forgets all instances of the signals in `unwanted`.
    pub(super) fn discard(&self, unwanted: SigSet) {
        if self.set() & unwanted != 0 {
            self.queue.lock().retain(|info| bit(info.signo) & unwanted == 0);
            self.set.fetch_and(!unwanted, Ordering::Relaxed);
        }
    }

    /// Forgets the signals of one kind that `matches` (those of a deleted timer).
    pub(super) fn discard_if(&self, matches: impl Fn(&SigInfo) -> bool) {
        let mut queue = self.queue.lock();
        queue.retain(|info| !matches(info));
        self.set.store(
            queue.iter().fold(0, |set, info| set | bit(info.signo)),
            Ordering::Relaxed,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(signo: i32, value: u64) -> SigInfo {
        let mut info = SigInfo::new(signo, 0);
        info.fields[1] = value;
        info
    }

    fn order(pending: &Pending, wanted: SigSet) -> Vec<(i32, u64)> {
        core::iter::from_fn(|| pending.take(wanted))
            .map(|info| (info.signo, info.fields[1]))
            .collect()
    }

    #[test]
    fn standard_signals_merge_and_realtime_signals_queue() {
        let pending = Pending::new();
        for (signo, value) in [(34, 1), (10, 1), (34, 2), (10, 2), (11, 0), (33, 3)] {
            assert!(pending.push(sent(signo, value), usize::MAX));
        }
        assert_eq!(order(&pending, !0), [(11, 0), (10, 1), (33, 3), (34, 1), (34, 2)]);
        assert_eq!(pending.set(), 0);
    }

    #[test]
    fn only_what_is_wanted_is_taken() {
        let pending = Pending::new();
        pending.push(sent(10, 0), 1);
        pending.push(sent(12, 0), 1);
        assert_eq!(order(&pending, bit(12)), [(12, 0)]);
        assert_eq!(pending.set(), bit(10));
        pending.discard(bit(10));
        assert_eq!((pending.set(), order(&pending, !0)), (0, vec![]));
    }

    #[test]
    fn the_queue_has_an_end() {
        let pending = Pending::new();
        for _ in 0..QUEUE_LIMIT {
            assert!(pending.push(sent(40, 0), usize::MAX));
        }
        assert!(!pending.push(sent(40, 0), usize::MAX));
        assert!(pending.push(sent(2, 0), 0), "standard signals always fit");
    }
}
