//! Descriptors in flight (`SCM_RIGHTS`): how many there are, and those sockets that only other sockets in flight refer to.
//!
//! A socket that was sent to itself, or two that were sent to each other, and whose descriptors were closed, keep each other alive: each waits in the
//! other's inbox, which nobody can read any more. [`collect`] finds them: of the sockets all of whose references are in flight, those that no
//! inbox of a living socket leads to are garbage, and what waits in their inboxes is let go.

use super::{End, UnixSocket};
use crate::{
    errno::{Errno, Result},
    file::OpenFile,
    net::Socket,
    sync::{Lock, rank},
};
use alloc::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    vec::Vec,
};

/// Most descriptions in flight. Linux takes the limit on open files, and lets root exceed it.
const MOST: usize = 1 << 16;

#[derive(Debug)]
struct Flying {
    file: Weak<OpenFile>,
    end: Weak<End>,
    /// How often it is in flight.
    count: usize,
}

#[derive(Debug)]
struct Flights {
    total: usize,
    /// Unix sockets among them, by the address of their description.
    sockets: BTreeMap<usize, Flying>,
    /// [`collect`] is worth its while when there are more sockets in flight than this.
    patience: usize,
}

/// The least [`Flights::patience`].
const PATIENCE: usize = 64;

static FLIGHTS: Lock<Flights, rank::Flights> = Lock::new(Flights {
    total: 0,
    sockets: BTreeMap::new(),
    patience: PATIENCE,
});
/// Descriptions to be let go, and whether somebody is at it.
static BURIED: Lock<(bool, Vec<Arc<OpenFile>>)> = Lock::new((false, Vec::new()));

fn key(file: &Arc<OpenFile>) -> usize {
    Arc::as_ptr(file) as usize
}

fn end_of(file: &OpenFile) -> Option<&Arc<End>> {
    let socket = file.file.as_any().downcast_ref::<Socket>()?;
    let unix = socket.endpoint().as_any()?.downcast_ref::<UnixSocket>()?;
    Some(&unix.end)
}

/// Counts descriptions that are about to be put into an inbox.
///
/// # Errors
///
/// `ETOOMANYREFS` if there are too many; nothing is counted then.
pub(super) fn depart(files: &[Arc<OpenFile>]) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    // Garbage that nobody's closing would find: two that were sent to each other are not closed when their descriptors are.
    let crowded = {
        let flights = FLIGHTS.lock();
        flights.sockets.len() > flights.patience
    };
    if crowded {
        collect();
    }
    let mut flights = FLIGHTS.lock();
    if flights.total + files.len() > MOST {
        return Err(Errno::ETOOMANYREFS);
    }
    flights.total += files.len();
    for file in files {
        if let Some(end) = end_of(file) {
            let flying = flights.sockets.entry(key(file)).or_insert_with(|| Flying {
                file: Arc::downgrade(file),
                end: Arc::downgrade(end),
                count: 0,
            });
            flying.count += 1;
        }
    }
    Ok(())
}

/// Takes descriptions out of the count again, in one step with their leaving an inbox: `take` empties it, under the lock that [`collect`] holds.
pub(super) fn arrive<R>(take: impl FnOnce(&mut dyn FnMut(&[Arc<OpenFile>])) -> R) -> R {
    let mut flights = FLIGHTS.lock();
    take(&mut |files| flights.landed(files))
}

impl Flights {
    fn landed(&mut self, files: &[Arc<OpenFile>]) {
        self.total -= files.len();
        for file in files {
            if let Some(flying) = self.sockets.get_mut(&key(file)) {
                flying.count -= 1;
                if flying.count == 0 {
                    self.sockets.remove(&key(file));
                }
            }
        }
    }

    /// The sockets that nothing outside of inboxes refers to.
    fn candidates(&self) -> BTreeMap<usize, Arc<End>> {
        let only_in_flight = |flying: &&Flying| flying.file.strong_count() == flying.count;
        let all = self.sockets.iter();
        all.filter(|(_, flying)| only_in_flight(flying))
            .filter_map(|(&key, flying)| Some((key, flying.end.upgrade()?)))
            .collect()
    }

    /// What of them nobody can reach.
    fn garbage(&self) -> Vec<Arc<End>> {
        let mut candidates = self.candidates();
        let mut inner = BTreeMap::<usize, usize>::new();
        for end in candidates.values() {
            for file in end.waiting_files() {
                *inner.entry(file).or_default() += 1;
            }
        }
        let outside = |key: &usize| {
            let count = self.sockets.get(key).map_or(0, |flying| flying.count);
            inner.get(key).copied().unwrap_or(0) < count
        };
        let mut reached: Vec<usize> = candidates.keys().copied().filter(outside).collect();
        while let Some(key) = reached.pop() {
            if let Some(end) = candidates.remove(&key) {
                reached.extend(end.waiting_files());
            }
        }
        candidates.into_values().collect()
    }
}

/// Lets go what only garbage refers to. Called when a socket is closed, and when many are in flight.
pub(super) fn collect() {
    let lost = {
        let mut flights = FLIGHTS.lock();
        if flights.sockets.is_empty() {
            return;
        }
        let mut lost = Vec::new();
        for end in flights.garbage() {
            end.take_waiting_files(&mut lost);
        }
        flights.landed(&lost);
        // Each look costs as much as there are, so the next one is worth it when they have doubled.
        flights.patience = PATIENCE.max(flights.sockets.len() * 2);
        lost
    };
    bury(lost);
}

/// Lets descriptions go one after another: closing one may empty an inbox with the next, and a chain of a thousand must not nest a thousand deep.
pub(super) fn bury(files: Vec<Arc<OpenFile>>) {
    if files.is_empty() {
        return;
    }
    {
        let mut buried = BURIED.lock();
        buried.1.extend(files);
        if core::mem::replace(&mut buried.0, true) {
            return;
        }
    }
    loop {
        let next = {
            let mut buried = BURIED.lock();
            let next = buried.1.pop();
            buried.0 = next.is_some();
            next
        };
        match next {
            Some(file) => drop(file),
            None => return,
        }
    }
}
