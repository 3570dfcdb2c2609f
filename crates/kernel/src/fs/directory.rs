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
    collections::BTreeMap,
    sync::{Arc, Weak},
};

/// What a directory is filled from at the first look.
enum Source {
    Nothing,
    Image(Arc<ImageTree>, u32),
    Table(&'static [Entry], u64),
}

struct Slot {
    cookie: u64,
    node: Arc<Node>,
}

struct State {
    parent: Weak<Node>,
    names: BTreeMap<Arc<str>, Slot>,
    order: BTreeMap<u64, Arc<str>>,
    next_cookie: u64,
    subdirectories: u32,
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
        self.filled(this).names.get(name).map(|slot| slot.node.clone())
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
        if state.names.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        state.insert(name.into(), node);
        Ok(())
    }

    /// Takes a name away and gives its node.
    pub(crate) fn take(&self, this: &Arc<Node>, name: &str) -> Option<Arc<Node>> {
        let mut state = self.filled(this);
        let slot = state.names.remove(name)?;
        state.order.remove(&slot.cookie);
        state.subdirectories -= u32::from(slot.node.is_directory());
        Some(slot.node)
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

    /// The first name whose cookie is at least `from`, with its cookie and node.
    pub(crate) fn next(&self, this: &Arc<Node>, from: u64) -> Option<(u64, Arc<str>, Arc<Node>)> {
        let state = self.filled(this);
        let (&cookie, name) = state.order.range(from..).next()?;
        Some((cookie, name.clone(), state.names.get(name)?.node.clone()))
    }

    /// The name of a node in it.
    pub(crate) fn name_of(&self, this: &Arc<Node>, node: &Arc<Node>) -> Option<Arc<str>> {
        let state = self.filled(this);
        state
            .names
            .iter()
            .find(|(_, slot)| Arc::ptr_eq(&slot.node, node))
            .map(|(name, _)| name.clone())
    }
}

impl State {
    fn insert(&mut self, name: Arc<str>, node: Arc<Node>) {
        if self.names.contains_key(&name) {
            // A name that the image has twice means the first.
            return;
        }
        let cookie = self.next_cookie;
        self.next_cookie += 1;
        self.subdirectories += u32::from(node.is_directory());
        self.order.insert(cookie, name.clone());
        self.names.insert(name, Slot { cookie, node });
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
