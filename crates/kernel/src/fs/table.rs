//! What the kernel itself puts into the tree: static tables of entries, and directories that are computed.

use super::node::Node;
use crate::{
    errno::Result,
    file::{File, OpenFile},
};
use alloc::{string::String, sync::Arc, vec::Vec};

/// Where a magic link leads.
pub(crate) enum Target {
    /// To a path, resolved from the root.
    Path(String),
    /// To an open file, whether or not it has a path (`/proc/self/fd/3`).
    Open(Arc<OpenFile>),
}

/// One row of a static table.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// Name in the directory.
    pub(crate) name: &'static str,
    /// Permission bits.
    pub(crate) permissions: u32,
    /// What it is.
    pub(crate) kind: Kind,
}

/// Makes the text of a kernel's file.
pub(crate) type MakeText = fn(u64) -> Vec<u8>;
/// Takes what is written to a kernel's file.
pub(crate) type Set = fn(u64, &[u8]) -> Result<()>;
/// Opens a device.
pub(crate) type OpenDevice = fn() -> Result<Arc<dyn File>>;

/// What a row describes. Functions get the argument of the table's directory (in `/proc/self/task`, the thread number).
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// A directory with these rows.
    Directory(&'static [Entry]),
    /// A directory that is computed at each look.
    Computed(&'static dyn Computed),
    /// A text, made anew for each reading.
    Text(MakeText),
    /// A text that can be written, and what takes the writes.
    Setting(MakeText, Set),
    /// A symbolic link.
    Link(&'static str),
    /// A link that leads wherever the function says.
    Magic(fn(u64) -> Result<Target>),
    /// A character device: major and minor number, and what is opened.
    Device(u64, u64, OpenDevice),
}

/// A directory whose contents are computed at each look.
pub(crate) trait Computed: Sync {
    /// The node of a name; `this` is the directory.
    fn lookup(&self, this: &Arc<Node>, name: &str) -> Option<Arc<Node>>;

    /// The names in it, with their `DT_*` types (`getdents(2)`).
    fn list(&self) -> Vec<(String, u8)>;
}

/// A row for a directory.
pub(crate) const fn directory(name: &'static str, entries: &'static [Entry]) -> Entry {
    Entry {
        name,
        permissions: 0o555,
        kind: Kind::Directory(entries),
    }
}

/// A row for a text.
pub(crate) const fn text(name: &'static str, text: MakeText) -> Entry {
    Entry {
        name,
        permissions: 0o444,
        kind: Kind::Text(text),
    }
}

/// A row for a link.
pub(crate) const fn link(name: &'static str, target: &'static str) -> Entry {
    Entry {
        name,
        permissions: 0o777,
        kind: Kind::Link(target),
    }
}
