//! From a path to a node (`path_resolution(7)`).
//!
//! [`At::parent`] goes as far as the last component, for calls that make or remove a name; [`At::find`] goes all the way. Links are followed
//! by putting their target in front of what is left, not by recursion, so the depth of the kernel's stack does not depend on the program.

use super::{
    file::NodeFile,
    node::{Body, Node},
    permission::{Asker, SEARCH},
    table::Target,
};
use crate::{
    errno::{Errno, Result},
    file::OpenFile,
    user::names,
};
use alloc::{borrow::Cow, format, string::String, sync::Arc};
use linux_raw_sys::general as raw;

/// The longest name (`NAME_MAX`).
pub(crate) const NAME_MAX: usize = 255;
/// The most links in one resolution (`path_resolution(7)`).
const MAX_LINKS: u32 = 40;
/// The longest path that a link may expand to.
const MAX_EXPANSION: usize = 8192;

bitflags::bitflags! {
    /// What a resolution must not do (`openat2(2)`, `RESOLVE_*`).
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
    pub(crate) struct Limits: u32 {
        /// Come into another file system.
        const NO_XDEV = raw::RESOLVE_NO_XDEV;
        /// Follow links that lead to open files or wherever the kernel says.
        const NO_MAGICLINKS = raw::RESOLVE_NO_MAGICLINKS;
        /// Follow any link.
        const NO_SYMLINKS = raw::RESOLVE_NO_SYMLINKS;
        /// Leave the directory that it starts from.
        const BENEATH = raw::RESOLVE_BENEATH;
        /// See anything above the directory that it starts from: that is the root.
        const IN_ROOT = raw::RESOLVE_IN_ROOT;
    }
}

/// A path and where it starts from.
#[derive(Clone, Debug)]
pub(crate) struct At<'a> {
    /// Where absolute paths start.
    pub(crate) root: Arc<Node>,
    /// Where relative paths start.
    pub(crate) start: Arc<Node>,
    /// The path.
    pub(crate) path: &'a str,
    /// What must not happen on the way.
    pub(crate) limits: Limits,
    /// Who has to be allowed to look at the directories on the way.
    pub(crate) asker: Asker,
}

/// All but the last component of a path, resolved.
#[derive(Debug)]
pub(crate) struct Last {
    /// The directory.
    pub(crate) dir: Arc<Node>,
    /// The last component: a name, `.`, `..`, or `/` for the root itself.
    pub(crate) name: String,
    /// True if slashes came after it.
    pub(crate) slash: bool,
}

impl Last {
    /// True for `.`, `..` and the root, which can be neither made nor removed.
    pub(crate) fn is_special(&self) -> bool {
        matches!(&*self.name, "." | ".." | "/")
    }

    /// The node, links not followed.
    ///
    /// # Errors
    ///
    /// `ENOENT`.
    pub(crate) fn node(&self) -> Result<Arc<Node>> {
        step(&self.dir, &self.name)
    }
}

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Found {
    /// A node, and the directory and name by which it was reached.
    Node(Arc<Node>, Last),
    /// An open file, by a magic link.
    Open(Arc<OpenFile>),
}

impl Found {
    /// The node, also of an open file that has one.
    ///
    /// # Errors
    ///
    /// `ENOENT` for open files that are not in the tree.
    pub(crate) fn node(self) -> Result<Arc<Node>> {
        match self {
            Self::Node(node, _) => Ok(node),
            Self::Open(open) => NodeFile::of(&open)
                .map(|file| file.node.clone())
                .ok_or(Errno::ENOENT),
        }
    }
}

/// One component from a directory.
fn step(dir: &Arc<Node>, name: &str) -> Result<Arc<Node>> {
    match name {
        "." | "/" => Ok(dir.clone()),
        ".." => dir.parent().ok_or(Errno::ENOENT),
        name => dir.child(name),
    }
}

impl At<'_> {
    /// One component from a directory, within the limits.
    fn step(&self, dir: &Arc<Node>, name: &str) -> Result<Arc<Node>> {
        if name == ".." && Arc::ptr_eq(dir, &self.start) {
            if self.limits.contains(Limits::BENEATH) {
                return Err(Errno::EXDEV);
            }
            if self.limits.contains(Limits::IN_ROOT) {
                return Ok(dir.clone());
            }
        }
        // Above the root is the root, also where that is not the top of the tree (chroot(2)).
        if name == ".." && Arc::ptr_eq(dir, &self.root) {
            return Ok(dir.clone());
        }
        let node = step(dir, name)?;
        if self.limits.contains(Limits::NO_XDEV) && node.fs.dev != dir.fs.dev {
            return Err(Errno::EXDEV);
        }
        Ok(node)
    }

    /// Where an absolute path starts.
    fn top(&self) -> Result<Arc<Node>> {
        if self.limits.contains(Limits::BENEATH)
            || self.limits.contains(Limits::NO_XDEV) && self.start.fs.dev != self.root.fs.dev
        {
            return Err(Errno::EXDEV);
        }
        Ok(self.root.clone())
    }

    /// Where a link leads; counts it.
    fn target(&self, node: &Arc<Node>, links: &mut u32) -> Result<Target> {
        let magic = matches!(node.body, Body::Magic(..));
        if self.limits.contains(Limits::NO_SYMLINKS) || magic && self.limits.contains(Limits::NO_MAGICLINKS) {
            return Err(Errno::ELOOP);
        }
        if magic && self.limits.intersects(Limits::BENEATH | Limits::IN_ROOT) {
            return Err(Errno::EXDEV);
        }
        target(node, links)
    }

    /// Resolves all but the last component.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`.
    pub(crate) fn parent(&self) -> Result<Last> {
        self.parent_of(&self.start, self.path, &mut 0)
    }

    /// Resolves the whole path; a last component that is a link is followed if `follow`, or if a slash comes after it.
    ///
    /// # Errors
    ///
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`.
    pub(crate) fn find(&self, follow: bool) -> Result<Found> {
        let mut links = 0;
        let mut start = self.start.clone();
        let mut path = Cow::Borrowed(self.path);
        loop {
            let last = self.parent_of(&start, &path, &mut links)?;
            let node = self.step(&last.dir, &last.name)?;
            if node.is_link() && (follow || last.slash) {
                match self.target(&node, &mut links)? {
                    Target::Path(target) if last.slash => path = Cow::Owned(target + "/"),
                    Target::Path(target) => path = Cow::Owned(target),
                    Target::Open(open) => return Ok(Found::Open(open)),
                }
                start = last.dir;
                continue;
            }
            if last.slash && !node.is_directory() {
                return Err(Errno::ENOTDIR);
            }
            return Ok(Found::Node(node, last));
        }
    }

    /// The directory that the path leads to, for calls that make it a place to start from (`chdir(2)`, `chroot(2)`).
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find); `ENOTDIR`, `EACCES`.
    pub(crate) fn directory(&self) -> Result<Arc<Node>> {
        let node = self.find(true)?.node()?;
        if !node.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        self.asker.may(&node, SEARCH)?;
        Ok(node)
    }

    /// As [`parent`](Self::parent) for a file that may be made: also follows the last component's links, as far as there are any.
    ///
    /// # Errors
    ///
    /// As [`parent`](Self::parent).
    pub(crate) fn parent_through_links(&self) -> Result<(Last, Option<Found>)> {
        let mut links = 0;
        let mut start = self.start.clone();
        let mut path = Cow::Borrowed(self.path);
        loop {
            let last = self.parent_of(&start, &path, &mut links)?;
            let node = match self.step(&last.dir, &last.name) {
                Ok(node) => node,
                Err(Errno::ENOENT) => return Ok((last, None)),
                Err(errno) => return Err(errno),
            };
            if !node.is_link() || last.slash {
                let again = Last {
                    dir: last.dir.clone(),
                    name: last.name.clone(),
                    slash: last.slash,
                };
                return Ok((last, Some(Found::Node(node, again))));
            }
            match self.target(&node, &mut links)? {
                Target::Path(target) => path = Cow::Owned(target),
                Target::Open(open) => return Ok((last, Some(Found::Open(open)))),
            }
            start = last.dir;
        }
    }

    fn parent_of(&self, start: &Arc<Node>, path: &str, links: &mut u32) -> Result<Last> {
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let mut dir = if path.starts_with('/') {
            self.top()?
        } else {
            start.clone()
        };
        let mut rest = Cow::Borrowed(path);
        loop {
            if !dir.is_directory() {
                return Err(Errno::ENOTDIR);
            }
            let trimmed = rest.trim_start_matches('/');
            if !trimmed.is_empty() {
                self.asker.may(&dir, SEARCH)?;
            }
            let (name, tail) = trimmed.split_at(trimmed.find('/').unwrap_or(trimmed.len()));
            if name.len() > NAME_MAX && names::to_bytes(name).len() > NAME_MAX {
                return Err(Errno::ENAMETOOLONG);
            }
            if name.is_empty() {
                return Ok(Last {
                    dir,
                    name: "/".into(),
                    slash: false,
                });
            }
            if tail.trim_start_matches('/').is_empty() {
                return Ok(Last {
                    dir,
                    name: name.into(),
                    slash: !tail.is_empty(),
                });
            }
            let node = self.step(&dir, name)?;
            if !node.is_link() {
                dir = node;
                let used = rest.len() - tail.len();
                match &mut rest {
                    Cow::Borrowed(text) => *text = &text[used..],
                    Cow::Owned(text) => drop(text.drain(..used)),
                }
                continue;
            }
            match self.target(&node, links)? {
                Target::Path(target) => {
                    if target.len() + tail.len() > MAX_EXPANSION {
                        return Err(Errno::ENAMETOOLONG);
                    }
                    if target.starts_with('/') {
                        dir = self.top()?;
                    }
                    // `tail` begins with a slash and has a name in it.
                    rest = Cow::Owned(format!("{target}{tail}"));
                }
                Target::Open(open) => {
                    dir = NodeFile::of(&open).ok_or(Errno::ENOTDIR)?.node.clone();
                    rest = Cow::Owned(tail.into());
                }
            }
        }
    }
}

/// Where a link leads; counts it.
fn target(node: &Arc<Node>, links: &mut u32) -> Result<Target> {
    *links += 1;
    if *links > MAX_LINKS {
        return Err(Errno::ELOOP);
    }
    match &node.body {
        Body::Link(target) => Ok(Target::Path(String::from(&**target))),
        Body::Magic(target, argument) => target(*argument),
        _ => Err(Errno::EINVAL),
    }
}

/// The absolute path of a directory; one that the root is not above says so, as `getcwd(3)` expects it (`getcwd(2)`).
///
/// # Errors
///
/// `ENOENT` if it, or one above it, was removed.
pub(crate) fn absolute(directory: &Arc<Node>) -> Result<String> {
    let root = super::root();
    let mut path = String::new();
    let mut node = directory.clone();
    loop {
        if root.as_ref().is_some_and(|root| Arc::ptr_eq(root, &node)) {
            break;
        }
        let parent = node.parent().ok_or(Errno::ENOENT)?;
        if Arc::ptr_eq(&parent, &node) {
            if root.is_some() {
                path.insert_str(0, "(unreachable)");
            }
            break;
        }
        let Body::Directory(entries) = &parent.body else {
            return Err(Errno::ENOENT);
        };
        let name = entries.name_of(&parent, &node).ok_or(Errno::ENOENT)?;
        path = format!("/{name}{path}");
        node = parent;
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(path)
}
