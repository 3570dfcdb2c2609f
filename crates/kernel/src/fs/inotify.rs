//! Watching files and directories, `inotify(7)`.
//!
//! The watches are in one table by node: few nodes are ever watched, and as long as none is, an event costs one load. An event is told to the
//! watchers of the directory by whose name the node was reached, then to those of the node itself, which is the order of Linux.

use super::node::Node;
use crate::{
    errno::{Errno, Result},
    file::{File, Poll, Stat},
    sync::Lock,
    user::{UserPtr, names},
    wait::WaitQueue,
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    string::String,
    sync::{Arc, Weak},
    vec::Vec,
};
use core::{
    any::Any,
    sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering},
};
use linux_raw_sys::{general as raw, ioctl};

/// The most events that wait to be read (`/proc/sys/fs/inotify/max_queued_events`).
pub(crate) const MAX_EVENTS: usize = 16_384;
/// The most watches (`/proc/sys/fs/inotify/max_user_watches`).
pub(crate) const MAX_WATCHES: usize = 65_536;

/// Bytes of `struct inotify_event` before the name; the name is padded to a multiple of it.
const HEADER: usize = 16;

/// One row of the table: who wants to hear what of a node.
struct Watcher {
    instance: Weak<Inotify>,
    id: i32,
    mask: u32,
}

/// All watches.
struct Table {
    /// By the node's address, which `nodes` keeps from being used again.
    watchers: BTreeMap<usize, Vec<Watcher>>,
    /// By the instance's address and the number of its watch.
    nodes: BTreeMap<(usize, i32), Arc<Node>>,
}

static TABLE: Lock<Table> = Lock::new(Table {
    watchers: BTreeMap::new(),
    nodes: BTreeMap::new(),
});
static WATCHES: AtomicUsize = AtomicUsize::new(0);
static NEXT_COOKIE: AtomicU32 = AtomicU32::new(1);

fn key(node: &Arc<Node>) -> usize {
    Arc::as_ptr(node) as usize
}

/// True if anything is watched at all.
pub(super) fn any() -> bool {
    WATCHES.load(Ordering::Relaxed) != 0
}

/// A number that joins the two events of a renaming.
pub(super) fn cookie() -> u32 {
    NEXT_COOKIE.fetch_add(1, Ordering::Relaxed)
}

#[derive(Clone, PartialEq, Eq)]
struct Event {
    id: i32,
    mask: u32,
    cookie: u32,
    name: Box<[u8]>,
}

impl Event {
    fn new(id: i32, mask: u32) -> Self {
        Self {
            id,
            mask,
            cookie: 0,
            name: Box::default(),
        }
    }

    /// Bytes of the name as it is read, NUL and padding included.
    fn name_len(&self) -> usize {
        match self.name.len() {
            0 => 0,
            len => (len + 1).next_multiple_of(HEADER),
        }
    }

    fn write(&self, target: &mut [u8]) {
        target.fill(0);
        target[..4].copy_from_slice(&self.id.to_ne_bytes());
        target[4..8].copy_from_slice(&self.mask.to_ne_bytes());
        target[8..12].copy_from_slice(&self.cookie.to_ne_bytes());
        target[12..16].copy_from_slice(&(self.name_len() as u32).to_ne_bytes());
        target[HEADER..HEADER + self.name.len()].copy_from_slice(&self.name);
    }
}

/// An inotify instance.
pub(crate) struct Inotify {
    this: Weak<Self>,
    events: Lock<VecDeque<Event>>,
    /// The number of the watch that was added last.
    last: AtomicI32,
    queue: WaitQueue,
}

impl Inotify {
    /// An instance that watches nothing.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            events: Lock::new(VecDeque::new()),
            last: AtomicI32::new(0),
            queue: WaitQueue::new(),
        })
    }

    /// True if a row of the table is one of this instance's.
    fn is(&self, row: &Watcher) -> bool {
        core::ptr::eq(row.instance.as_ptr(), self)
    }

    fn address(&self) -> usize {
        core::ptr::from_ref(self) as usize
    }

    /// `inotify_add_watch(2)` of a node; `mask` has been checked. Gives the watch descriptor.
    ///
    /// # Errors
    ///
    /// `EEXIST` with `IN_MASK_CREATE` if the node is watched, `ENOSPC` when there are too many watches.
    pub(crate) fn watch(&self, node: &Arc<Node>, mask: u32) -> Result<i32> {
        let wanted = mask & (raw::IN_ALL_EVENTS | raw::IN_ONESHOT | raw::IN_EXCL_UNLINK);
        let mut table = TABLE.lock();
        let Table { watchers, nodes } = &mut *table;
        let rows = watchers.entry(key(node)).or_default();
        let known = rows
            .iter_mut()
            .find(|row| core::ptr::eq(row.instance.as_ptr(), self));
        if let Some(known) = known {
            if mask & raw::IN_MASK_CREATE != 0 {
                return Err(Errno::EEXIST);
            }
            known.mask = match mask & raw::IN_MASK_ADD {
                0 => wanted,
                _ => known.mask | wanted,
            };
            return Ok(known.id);
        }
        if nodes.len() >= MAX_WATCHES {
            if rows.is_empty() {
                watchers.remove(&key(node));
            }
            return Err(Errno::ENOSPC);
        }
        // Numbers go up and are not used again before they are used up.
        let mut id = self.last.load(Ordering::Relaxed);
        loop {
            id = id.checked_add(1).unwrap_or(1);
            if !nodes.contains_key(&(self.address(), id)) {
                break;
            }
        }
        self.last.store(id, Ordering::Relaxed);
        rows.push(Watcher {
            instance: self.this.clone(),
            id,
            mask: wanted,
        });
        nodes.insert((self.address(), id), node.clone());
        WATCHES.store(nodes.len(), Ordering::Relaxed);
        Ok(id)
    }

    /// `inotify_rm_watch(2)`; the last event of the watch is `IN_IGNORED`.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no such watch.
    pub(crate) fn unwatch(&self, id: i32) -> Result<()> {
        let node = {
            let mut table = TABLE.lock();
            let node = table.nodes.remove(&(self.address(), id)).ok_or(Errno::EINVAL)?;
            if let Some(rows) = table.watchers.get_mut(&key(&node)) {
                rows.retain(|row| row.id != id || !core::ptr::eq(row.instance.as_ptr(), self));
                if rows.is_empty() {
                    table.watchers.remove(&key(&node));
                }
            }
            WATCHES.store(table.nodes.len(), Ordering::Relaxed);
            node
        };
        // After the lock: this may have been the last to hold it.
        drop(node);
        self.push(Event::new(id, raw::IN_IGNORED));
        Ok(())
    }

    /// Adds an event, unless the last one that waits says the same.
    fn push(&self, event: Event) {
        {
            let mut events = self.events.lock();
            if events.back() == Some(&event) {
                return;
            }
            match events.len() {
                0..MAX_EVENTS => events.push_back(event),
                MAX_EVENTS => events.push_back(Event::new(-1, raw::IN_Q_OVERFLOW)),
                _ => return,
            }
        }
        self.queue.wake_all();
    }
}

/// Tells the watchers of one node; `name` is the child's if it is a directory that is told of one, `unlinked` if that child's name is gone.
fn tell(node: &Arc<Node>, name: &str, mask: u32, cookie: u32, unlinked: bool) {
    // Self-events of directories come without IN_ISDIR.
    let shown = match mask & (raw::IN_DELETE_SELF | raw::IN_MOVE_SELF) {
        0 => mask,
        _ => mask & !raw::IN_ISDIR,
    };
    let told: Vec<(Arc<Inotify>, i32, bool)> = {
        let table = TABLE.lock();
        let Some(rows) = table.watchers.get(&key(node)) else {
            return;
        };
        rows.iter()
            .filter(|row| row.mask & mask & raw::IN_ALL_EVENTS != 0)
            .filter(|row| !(unlinked && row.mask & raw::IN_EXCL_UNLINK != 0))
            .filter_map(|row| Some((row.instance.upgrade()?, row.id, row.mask & raw::IN_ONESHOT != 0)))
            .collect()
    };
    for (instance, id, once) in told {
        instance.push(Event {
            id,
            mask: shown,
            cookie,
            name: names::to_bytes(name).into(),
        });
        if once {
            // Another event may have ended it.
            let _ = instance.unwatch(id);
        }
    }
}

fn directory_bit(node: &Arc<Node>) -> u32 {
    if node.is_directory() { raw::IN_ISDIR } else { 0 }
}

/// Something happened to a node that was reached by this directory and name (none: by no name).
pub(crate) fn happened(node: &Arc<Node>, place: Option<(&Arc<Node>, &str)>, mask: u32) {
    if !any() {
        return;
    }
    let mask = mask | directory_bit(node);
    if let Some((dir, name)) = place {
        let (dir, name, here) = node.current_place(dir, name);
        tell(&dir, &name, mask, 0, !here);
    }
    tell(node, "", mask, 0, false);
}

/// A name in a directory came or went (`IN_CREATE`, `IN_DELETE`, `IN_MOVED_FROM`, `IN_MOVED_TO`); `node` is what it stands for.
pub(super) fn named(dir: &Arc<Node>, name: &str, node: &Arc<Node>, mask: u32, cookie: u32) {
    if any() {
        tell(dir, name, mask | directory_bit(node), cookie, false);
    }
}

/// Something happened to the node itself, whatever its name (`IN_MOVE_SELF`, `IN_ATTRIB` when it lost one).
pub(super) fn itself(node: &Arc<Node>, mask: u32) {
    if any() {
        tell(node, "", mask | directory_bit(node), 0, false);
    }
}

/// Ends the watches of a node that has no name and is not open any more.
pub(super) fn gone(node: &Arc<Node>) {
    if !any() {
        return;
    }
    tell(node, "", raw::IN_DELETE_SELF, 0, false);
    let ended: Vec<(Weak<Inotify>, i32)> = TABLE
        .lock()
        .watchers
        .get(&key(node))
        .map(|rows| rows.iter().map(|row| (row.instance.clone(), row.id)).collect())
        .unwrap_or_default();
    for (instance, id) in ended {
        if let Some(instance) = instance.upgrade() {
            // It was in the table a moment ago.
            let _ = instance.unwatch(id);
        }
    }
}

impl File for Inotify {
    fn read(&self, _: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut events = self.events.lock();
        let mut done = 0;
        while let Some(event) = events.front() {
            let len = HEADER + event.name_len();
            match buffer.get_mut(done..done + len) {
                Some(target) => event.write(target),
                None if done == 0 => return Err(Errno::EINVAL),
                None => break,
            }
            done += len;
            events.pop_front();
        }
        if done == 0 { Err(Errno::EAGAIN) } else { Ok(done) }
    }

    fn poll(&self) -> Poll {
        if self.events.lock().is_empty() {
            Poll::empty()
        } else {
            Poll::IN
        }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ignores_seeks(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Ok(crate::event::anonymous_stat())
    }

    fn ioctl(&self, request: u32, argument: u64) -> Result<usize> {
        if request != ioctl::FIONREAD {
            return Err(Errno::ENOTTY);
        }
        let bytes: usize = {
            let events = self.events.lock();
            events.iter().map(|event| HEADER + event.name_len()).sum()
        };
        UserPtr::<i32>::new(argument)
            .write(i32::try_from(bytes).unwrap_or(i32::MAX))
            .map(|()| 0)
    }

    fn release(&self) {
        let own = (self.address(), i32::MIN)..=(self.address(), i32::MAX);
        let watches: Vec<i32> = TABLE.lock().nodes.range(own).map(|(&(_, id), _)| id).collect();
        for id in watches {
            // They were there a moment ago, and nobody else has the descriptor.
            let _ = self.unwatch(id);
        }
    }

    fn label(&self) -> &'static str {
        "inotify"
    }

    fn details(&self) -> String {
        let own = (self.address(), i32::MIN)..=(self.address(), i32::MAX);
        let watched: Vec<(i32, Arc<Node>, u32)> = {
            let table = TABLE.lock();
            let mask = |node: &Arc<Node>, id: i32| {
                let rows = table.watchers.get(&key(node))?;
                Some(rows.iter().find(|row| row.id == id && self.is(row))?.mask)
            };
            table
                .nodes
                .range(own)
                .filter_map(|(&(_, id), node)| Some((id, node.clone(), mask(node, id)?)))
                .collect()
        };
        // The last watch comes first, as Linux lists them.
        let line = |(id, node, mask): &(i32, Arc<Node>, u32)| {
            let (ino, dev) = (node.number(), node.fs.dev);
            format!("inotify wd:{id:x} ino:{ino:x} sdev:{dev:x} mask:{mask:x} ignored_mask:0 \n")
        };
        watched.iter().rev().map(line).collect()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
