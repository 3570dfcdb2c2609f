//! Finding what a path means in an image, and what two images have that differs.

use std::{collections::HashMap, io};

use crate::{
    ReadAt,
    contents::{Contents, ContentsError, Entry, EntryKind},
    filesystem::MAX_LINKS,
};

/// Bytes of two files that are compared at once.
const PIECE_BYTES: usize = 128 << 10;

/// Why a path means nothing, or nothing that could be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// Nothing is there.
    #[error("has no '{0}'; list what it has")]
    None(String),
    /// Links that lead in a circle.
    #[error("leads through too many symbolic links at '{0}'; name another path")]
    Links(String),
    /// Files that share more bytes than the disks have.
    #[error("has files that overlap each other so often that they are not compared; build the image again")]
    Overlapping,
    /// The disk cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[from] ContentsError),
    /// Nor its length.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// The entries of an image by path.
#[derive(Debug)]
pub struct Index<'a>(HashMap<&'a [u8], &'a Entry>);

impl<'a> Index<'a> {
    /// Of these entries.
    #[must_use]
    pub fn new(entries: &'a [Entry]) -> Self {
        Self(entries.iter().map(|entry| (&entry.path[..], entry)).collect())
    }

    /// What is at a path from the root, with links followed as `path_resolution(7)` has it; `..` of the root is the root.
    ///
    /// # Errors
    ///
    /// [`LookupError::None`], [`LookupError::Links`].
    pub fn resolve(&self, path: &[u8]) -> Result<&'a Entry, LookupError> {
        let asked = || path.escape_ascii().to_string();
        let mut rest: Vec<&[u8]> = path.split(|byte| *byte == b'/').rev().collect();
        let (mut at, mut links) = (b"/".to_vec(), 0);
        let none = || LookupError::None(asked());
        let mut found = *self.0.get(&at[..]).ok_or_else(none)?;
        while let Some(part) = rest.pop() {
            match part {
                b"" | b"." => continue,
                b".." => parent(&mut at),
                part => {
                    if at != b"/" {
                        at.push(b'/');
                    }
                    at.extend_from_slice(part);
                }
            }
            found = self.0.get(&at[..]).ok_or_else(none)?;
            let EntryKind::Link(target) = &found.kind else {
                continue;
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(LookupError::Links(asked()));
            }
            if target.starts_with(b"/") {
                at = b"/".to_vec();
            } else {
                parent(&mut at);
            }
            rest.extend(target.split(|byte| *byte == b'/').rev());
            found = *self.0.get(&at[..]).ok_or_else(none)?;
        }
        Ok(found)
    }
}

fn parent(path: &mut Vec<u8>) {
    let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
    path.truncate(end.max(1));
}

/// Entries at and below what a path means, links followed on the way there, by their paths' order.
///
/// # Errors
///
/// As [`Index::resolve`].
pub fn below<'a>(entries: &'a [Entry], path: &[u8]) -> Result<Vec<&'a Entry>, LookupError> {
    let root = Index::new(entries).resolve(path)?;
    let is_below = |entry: &&Entry| {
        root.path == b"/"
            || entry
                .path
                .strip_prefix(&root.path[..])
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    };
    let mut found: Vec<_> = entries.iter().filter(is_below).collect();
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// One path that is not the same in two images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference<'a> {
    /// In the first; `None` where it has none.
    pub before: Option<&'a Entry>,
    /// In the second.
    pub after: Option<&'a Entry>,
}

/// What two images have that differs, by the paths' order: kinds, permissions, owners, targets and contents. Times are left out, for
/// the same files unpacked twice have other ones.
///
/// # Errors
///
/// A disk cannot be read, or would take far longer to compare than to read.
pub fn differences<'a, R: ReadAt>(
    one: &'a Contents<R>,
    other: &'a Contents<R>,
    disk_bytes: u64,
) -> Result<Vec<Difference<'a>>, LookupError> {
    let (before, after) = (below(one.entries(), b"/")?, below(other.entries(), b"/")?);
    let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
    // No honest image has a byte in many files.
    let mut budget = disk_bytes.saturating_mul(4);
    let mut found = Vec::new();
    loop {
        let (left, right) = match (before.peek(), after.peek()) {
            (None, None) => return Ok(found),
            (Some(left), Some(right)) if left.path == right.path => (before.next(), after.next()),
            (Some(left), Some(right)) if left.path < right.path => (before.next(), None),
            (Some(_), None) => (before.next(), None),
            _ => (None, after.next()),
        };
        if let (Some(left), Some(right)) = (left, right)
            && is_same(one, left, other, right, &mut budget)?
        {
            continue;
        }
        found.push(Difference {
            before: left,
            after: right,
        });
    }
}

fn is_same<R: ReadAt>(
    one: &Contents<R>,
    left: &Entry,
    other: &Contents<R>,
    right: &Entry,
    budget: &mut u64,
) -> Result<bool, LookupError> {
    let of = |entry: &Entry| (entry.metadata.permissions, entry.metadata.uid, entry.metadata.gid);
    if left.kind != right.kind || of(left) != of(right) {
        return Ok(false);
    }
    let EntryKind::File(length) = left.kind else {
        return Ok(true);
    };
    *budget = budget.checked_sub(length).ok_or(LookupError::Overlapping)?;
    let (mut first, mut second) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    let mut at = 0;
    while at < length {
        let bytes = (length - at).min(PIECE_BYTES as u64) as usize;
        one.read_at(&left.path, at, &mut first[..bytes])?;
        other.read_at(&right.path, at, &mut second[..bytes])?;
        if first[..bytes] != second[..bytes] {
            return Ok(false);
        }
        at += bytes as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        Disk, Filesystem, Format, Metadata, Source, disk,
        testing::{build, children},
    };

    fn written(tree: &Filesystem, format: Format) -> Contents<Vec<u8>> {
        let mut image = Cursor::new(Vec::new());
        disk::write(tree, format, &mut image).unwrap();
        Disk::contents(image.into_inner()).unwrap()
    }

    fn linked() -> Filesystem {
        let mut tree = Filesystem::new();
        let meta = Metadata::new(0o755);
        tree.file("/usr/lib/os-release", Source::Bytes(b"x=1".to_vec()), meta)
            .unwrap();
        for (path, target) in [
            ("/etc/os-release", "../usr/lib/os-release"),
            ("/lib", "usr/lib"),
            ("/abs", "/lib/../lib/os-release"),
            ("/loop", "loop"),
            ("/up", "../../.."),
            ("/dead", "nothing"),
        ] {
            tree.link(path, target, meta).unwrap();
        }
        tree
    }

    #[test]
    fn links_are_followed_and_lead_out_of_nothing() {
        for format in [Format::Erofs, Format::Rofs] {
            let contents = written(&linked(), format);
            let index = Index::new(contents.entries());
            for path in [
                "/etc/os-release",
                "lib/os-release",
                "/abs",
                "/up/abs",
                "/../../lib//./os-release",
            ] {
                let found = index.resolve(path.as_bytes()).unwrap();
                assert_eq!(found.path, b"/usr/lib/os-release", "{path}");
            }
            assert!(matches!(index.resolve(b"/loop"), Err(LookupError::Links(_))));
            for path in ["/dead", "/nothing", "/etc/os-release/x"] {
                assert!(
                    matches!(index.resolve(path.as_bytes()), Err(LookupError::None(_))),
                    "{path}"
                );
            }
            let below = below(contents.entries(), b"/lib").unwrap();
            let paths: Vec<_> = below.iter().map(|entry| &entry.path[..]).collect();
            assert_eq!(paths, [&b"/usr/lib"[..], b"/usr/lib/os-release"]);
        }
    }

    #[test]
    fn what_was_changed_is_told() {
        let meta = Metadata::new(0o644);
        let one = written(&linked(), Format::Erofs);
        let mut tree = linked();
        tree.file("/usr/new", Source::Bytes(vec![1]), meta).unwrap();
        let two = written(&tree, Format::Erofs);
        let found = differences(&one, &two, 1 << 20).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].before, found[0].after.unwrap().path.clone()),
            (None, b"/usr/new".to_vec())
        );
        let found = differences(&two, &one, 1 << 20).unwrap();
        assert!(found[0].before.is_some() && found[0].after.is_none());
        // The same length, another byte.
        let mut tree = Filesystem::new();
        tree.file("/usr/new", Source::Bytes(vec![2]), meta).unwrap();
        let three = written(&tree, Format::Erofs);
        let changed = differences(&two, &three, 1 << 20).unwrap();
        assert!(
            changed
                .iter()
                .any(|found| found.before.is_some() && found.after.is_some())
        );
        assert!(matches!(
            differences(&one, &one, 0),
            Err(LookupError::Overlapping)
        ));
    }

    proptest! {
        #[test]
        fn an_image_differs_from_itself_in_nothing(children in children()) {
            let (tree, _) = build(&children);
            let (erofs, again) = (written(&tree, Format::Erofs), written(&tree, Format::Erofs));
            prop_assert_eq!(differences(&erofs, &again, u64::MAX).unwrap(), []);
        }
    }
}
