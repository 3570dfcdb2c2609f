//! Directories: names in the order of their making, filled at the first look.
//!
//! A name keeps its cookie as long as it lives, and cookies are never given twice: a program may read a directory and remove
//! files from it in turns (`getdents(2)`), and misses none.

use super::{filesystem::Filesystem, image::ImageTree, node::Node, table::Entry};
use crate::{
    errno::{Errno, Result},
    sync::{Guard, Lock, rank},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Weak},
    vec::Vec,
};
use linux_raw_sys::general as raw;

/// What a directory is filled from at the first look.
enum Source {
    Nothing,
    Image(Arc<ImageTree>, u32),
    Table(&'static [Entry], u64),
}

struct Slot {
    cookie: u64,
    /// Of a name that only a listing of the host's has told of there is none yet.
    node: Option<Arc<Node>>,
    /// Inode number and type, where there is no node.
    seen: (u64, u8),
}

/// An entry of a listing.
#[derive(Debug)]
pub(crate) struct Listed {
    /// Its place in the directory.
    pub(crate) cookie: u64,
    /// Its name.
    pub(crate) name: Arc<str>,
    /// Its inode number.
    pub(crate) ino: u64,
    /// Its type, as in `getdents(2)`.
    pub(crate) kind: u8,
}

/// So many names of the host's are kept in a directory before those go that nobody uses.
const MOST_KEPT: usize = 4096;

struct State {
    parent: Weak<Node>,
    names: BTreeMap<Arc<str>, Slot>,
    order: BTreeMap<u64, Arc<str>>,
    next_cookie: u64,
    subdirectories: u32,
    /// Names that have a node.
    kept: usize,
    removed: bool,
    source: Source,
}

/// The names in a directory.
pub(crate) struct Directory {
    state: Lock<State, rank::Directory>,
}

/// Cookies below this one stand for `.` and `..`.
pub(crate) const FIRST_COOKIE: u64 = 2;

impl Directory {
    fn new(parent: Weak<Node>, source: Source) -> Self {
        Self {
            state: Lock::new(State {
                parent,
                names: BTreeMap::new(),
                order: BTreeMap::new(),
                next_cookie: FIRST_COOKIE,
                subdirectories: 0,
                kept: 0,
                removed: false,
                source,
            }),
        }
    }

    /// An empty directory.
    pub(super) fn empty(parent: Weak<Node>) -> Self {
        Self::new(parent, Source::Nothing)
    }

    /// A directory of the image.
    pub(super) fn of_image(parent: Weak<Node>, image: Arc<ImageTree>, inode: u32) -> Self {
        Self::new(parent, Source::Image(image, inode))
    }

    /// A directory from a static table.
    pub(super) fn of_table(parent: Weak<Node>, entries: &'static [Entry], argument: u64) -> Self {
        Self::new(parent, Source::Table(entries, argument))
    }

    /// The state, filled. `this` is the node whose body the directory is.
    fn filled(&self, this: &Arc<Node>) -> Guard<'_, State, rank::Directory> {
        let mut state = self.state.lock();
        match core::mem::replace(&mut state.source, Source::Nothing) {
            Source::Nothing => {}
            Source::Table(entries, argument) => {
                for entry in entries {
                    state.insert(
                        entry.name.into(),
                        Node::of_entry(&this.fs, Arc::downgrade(this), entry, argument),
                    );
                }
            }
            Source::Image(image, inode) => {
                for (name, child) in image.children(inode) {
                    if let Some(node) = linked(&this.fs, this, &image, child) {
                        state.insert(name.into(), node);
                    }
                }
            }
        }
        state
    }

    /// The directory that has this one.
    pub(super) fn parent(&self) -> Option<Arc<Node>> {
        self.state.lock().parent.upgrade()
    }

    /// Number of directories in it.
    pub(super) fn subdirectories(&self, this: &Arc<Node>) -> u32 {
        self.filled(this).subdirectories
    }

    /// The node of a name.
    pub(crate) fn get(&self, this: &Arc<Node>, name: &str) -> Option<Arc<Node>> {
        self.filled(this).names.get(name)?.node.clone()
    }

    /// Gives a node a name; a directory gets this one as its parent.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the directory was removed, `EEXIST` if the name is taken.
    pub(crate) fn insert(&self, this: &Arc<Node>, name: &str, node: Arc<Node>) -> Result<()> {
        if let super::node::Body::Directory(child) = &node.body {
            child.state.lock().parent = Arc::downgrade(this);
        }
        let mut state = self.filled(this);
        if state.removed {
            return Err(Errno::ENOENT);
        }
        if state.names.get(name).is_some_and(|slot| slot.node.is_some()) {
            return Err(Errno::EEXIST);
        }
        state.insert(name.into(), node);
        Ok(())
    }

    /// Takes a name away and gives its node.
    pub(crate) fn take(&self, this: &Arc<Node>, name: &str) -> Option<Arc<Node>> {
        self.filled(this).remove(name)
    }

    /// True if there is no name in it.
    pub(super) fn is_empty(&self, this: &Arc<Node>) -> bool {
        self.filled(this).names.is_empty()
    }

    /// Marks the directory as removed if it is empty: nothing can be made in it any more.
    ///
    /// # Errors
    ///
    /// `ENOTEMPTY`.
    pub(crate) fn retire(&self, this: &Arc<Node>) -> Result<()> {
        let mut state = self.filled(this);
        if !state.names.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        state.removed = true;
        Ok(())
    }

    /// True once [`retire`](Self::retire) succeeded.
    pub(crate) fn is_removed(&self) -> bool {
        self.state.lock().removed
    }

    /// The first name whose cookie is at least `from`.
    pub(crate) fn next(&self, this: &Arc<Node>, from: u64) -> Option<Listed> {
        let state = self.filled(this);
        let (&cookie, name) = state.order.range(from..).next()?;
        let slot = state.names.get(name)?;
        let (ino, kind) = match &slot.node {
            Some(node) => (node.number(), ((node.kind() & raw::S_IFMT) >> 12) as u8),
            None => slot.seen,
        };
        let name = name.clone();
        Some(Listed {
            cookie,
            name,
            ino,
            kind,
        })
    }

    /// Makes the names those that the host has told; what is mounted on one stays.
    pub(super) fn follow(&self, listed: Vec<Listed>) {
        let mut state = self.state.lock();
        let there: BTreeSet<Arc<str>> = listed.iter().map(|entry| entry.name.clone()).collect();
        let of_host = |slot: &Slot| slot.node.as_ref().is_none_or(|node| node.remote.is_some());
        let gone = state
            .names
            .iter()
            .filter(|(name, slot)| of_host(slot) && !there.contains(*name));
        let gone: Vec<_> = gone.map(|(name, _)| name.clone()).collect();
        let removed: Vec<_> = gone.iter().map(|name| state.remove(name)).collect();
        for entry in listed {
            if !state.names.contains_key(&entry.name) {
                state.add(entry.name, None, (entry.ino, entry.kind));
            }
        }
        drop(state);
        // Nodes may be the last of their kind, which takes other locks.
        drop(removed);
    }

    /// Lets nodes of the host's go that only this directory has, when there are many; their names stay.
    pub(super) fn trim(&self) {
        let mut state = self.state.lock();
        if state.names.len() <= MOST_KEPT || state.kept <= MOST_KEPT {
            return;
        }
        let mut idle = Vec::new();
        for slot in state.names.values_mut() {
            let unused = |node: &Arc<Node>| node.remote.is_some() && Arc::strong_count(node) == 1;
            if slot.node.as_ref().is_some_and(unused)
                && let Some(node) = slot.node.take()
            {
                slot.seen = (node.number(), ((node.kind() & raw::S_IFMT) >> 12) as u8);
                idle.push(node);
            }
        }
        state.kept = state.names.values().filter(|slot| slot.node.is_some()).count();
        drop(state);
        drop(idle);
    }

    /// Marks the directory as removed by the host, with all that was in it.
    pub(super) fn abandon(&self) {
        let mut state = self.state.lock();
        state.removed = true;
        let names = core::mem::take(&mut state.names);
        state.order.clear();
        drop(state);
        drop(names);
    }

    /// The name of a node in it.
    pub(crate) fn name_of(&self, this: &Arc<Node>, node: &Arc<Node>) -> Option<Arc<str>> {
        let state = self.filled(this);
        state
            .names
            .iter()
            .find(|(_, slot)| slot.node.as_ref().is_some_and(|known| Arc::ptr_eq(known, node)))
            .map(|(name, _)| name.clone())
    }
}

impl State {
    fn insert(&mut self, name: Arc<str>, node: Arc<Node>) {
        if let Some(slot) = self.names.get_mut(&name) {
            // A name that the image has twice means the first; one that was only listed gets its node.
            if slot.node.is_none() {
                self.subdirectories += u32::from(node.is_directory());
                slot.node = Some(node);
                self.kept += 1;
            }
            return;
        }
        self.add(name, Some(node), (0, 0));
    }

    fn add(&mut self, name: Arc<str>, node: Option<Arc<Node>>, seen: (u64, u8)) {
        let cookie = self.next_cookie;
        self.next_cookie += 1;
        self.subdirectories += u32::from(node.as_ref().is_some_and(|node| node.is_directory()));
        self.kept += usize::from(node.is_some());
        self.order.insert(cookie, name.clone());
        self.names.insert(name, Slot { cookie, node, seen });
    }

    fn remove(&mut self, name: &str) -> Option<Arc<Node>> {
        let slot = self.names.remove(name)?;
        self.order.remove(&slot.cookie);
        let node = slot.node?;
        self.subdirectories -= u32::from(node.is_directory());
        self.kept -= 1;
        Some(node)
    }
}

/// The node for an inode of the image; a file that has several names is one node.
fn linked(fs: &Arc<Filesystem>, parent: &Arc<Node>, image: &Arc<ImageTree>, inode: u32) -> Option<Arc<Node>> {
    if image.names(inode) == 1 {
        return Node::of_image(fs, Arc::downgrade(parent), image, inode);
    }
    let mut shared = image.shared().lock();
    if let Some(node) = shared.get(&inode) {
        return Some(node.clone());
    }
    let node = Node::of_image(fs, Arc::downgrade(parent), image, inode)?;
    shared.insert(inode, node.clone());
    Some(node)
}
