//! What an image's file system has, whatever its format: checked once, kept in memory.
//!
//! The image is a stranger's. Whoever fills a tree ([`rofs`](super::rofs), [`erofs`](super::erofs)) names inodes before it says what they are,
//! and each directory once; the tree checks names, and bounds what all of it may take. What comes after cannot go wrong: every number is in range, every name is
//! a name, and no directory is in two places, hence there is no loop.

use super::super::node::Node;
use super::{Image, MountError};
use crate::{
    errno::Result,
    mm::PAGE_SIZE,
    sync::{Lock, rank},
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::ops::Range;

/// Most bytes of names and link targets, and most inodes: room for half a million files.
const MAX_TEXT: usize = 32 << 20;
const MAX_INODES: usize = 1 << 20;
/// The longest link target (`PATH_MAX` without its NUL).
const MAX_TARGET: usize = 4095;
/// The longest name (`NAME_MAX`).
const MAX_NAME: usize = 255;

/// Where the bytes of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// First byte in the image.
    pub(crate) start: u64,
    /// Size of the file in bytes.
    pub(crate) size: u64,
    /// Where the bytes after the last whole page are, if they do not follow it.
    pub(crate) tail: Option<u64>,
}

impl Extent {
    /// Where byte `at` of the file is in the image, and how many follow it there. `at` is less than the size.
    pub(crate) fn piece(&self, at: u64) -> (u64, u64) {
        let whole = match self.tail {
            Some(_) => self.size - self.size % PAGE_SIZE as u64,
            None => self.size,
        };
        match self.tail {
            Some(tail) if at >= whole => (tail + (at - whole), self.size.saturating_sub(at)),
            _ => (self.start + at, whole.saturating_sub(at)),
        }
    }

    /// Fills `buffer` from byte `at` of the file on, all of which are in it.
    ///
    /// # Errors
    ///
    /// As [`Image::read`].
    pub(crate) fn read(&self, image: &Image, at: u64, buffer: &mut [u8]) -> Result<()> {
        let (position, bytes) = self.piece(at);
        let first = usize::try_from(bytes).unwrap_or(usize::MAX).min(buffer.len());
        let (first, rest) = buffer.split_at_mut(first);
        image.read(position, first)?;
        if rest.is_empty() {
            return Ok(());
        }
        image.read(self.piece(at + bytes).0, rest)
    }

    /// True if all of it is in an image of so many bytes.
    pub(super) fn fits(&self, image_bytes: u64) -> bool {
        let tail_bytes = self.tail.map_or(0, |_| self.size % PAGE_SIZE as u64);
        let ends = |start: u64, bytes: u64| {
            bytes == 0 || start.checked_add(bytes).is_some_and(|end| end <= image_bytes)
        };
        ends(self.start, self.size - tail_bytes) && ends(self.tail.unwrap_or(0), tail_bytes)
    }
}

/// What an inode of the image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageKind<'a> {
    /// A directory.
    Directory,
    /// A file.
    Regular(Extent),
    /// A symbolic link to this.
    Link(&'a str),
}

/// What `stat(2)` says of an inode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// Type and permissions.
    pub(crate) mode: u32,
    /// Owner.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Time of the last change in ns since the epoch, where the format has one.
    pub(crate) modified: Option<u64>,
}

#[derive(Clone)]
enum Kind {
    Directory(Range<u32>),
    Regular(Extent),
    Link(Range<u32>),
}

struct Inode {
    attributes: Attributes,
    /// How many names it has.
    names: u32,
    kind: Kind,
}

struct Entry {
    name: Range<u32>,
    inode: u32,
}

/// A file system of an image.
pub(crate) struct ImageTree {
    image: Arc<Image>,
    inodes: Vec<Inode>,
    entries: Vec<Entry>,
    /// Names and targets.
    text: Vec<u8>,
    /// Nodes of files with several names, once looked at.
    shared: Lock<BTreeMap<u32, Arc<Node>>, rank::ImageNodes>,
}

impl ImageTree {
    /// Number of the root directory: the first inode that is added.
    pub(crate) const ROOT: u32 = 0;

    /// A tree with nothing in it, not even a root.
    pub(super) fn new(image: Image) -> Self {
        Self {
            image: Arc::new(image),
            inodes: Vec::new(),
            entries: Vec::new(),
            text: Vec::new(),
            shared: Lock::default(),
        }
    }

    /// Adds a directory that is still empty.
    pub(super) fn add_directory(&mut self, attributes: Attributes) -> core::result::Result<u32, MountError> {
        self.add(attributes, Kind::Directory(0..0))
    }

    /// Adds a file.
    pub(super) fn add_regular(
        &mut self,
        attributes: Attributes,
        extent: Extent,
    ) -> core::result::Result<u32, MountError> {
        if !extent.fits(self.image.len()) {
            return Err(MountError::Truncated);
        }
        self.add(attributes, Kind::Regular(extent))
    }

    /// Adds a symbolic link.
    pub(super) fn add_link(
        &mut self,
        attributes: Attributes,
        target: &[u8],
    ) -> core::result::Result<u32, MountError> {
        let is_path = !target.is_empty() && target.len() <= MAX_TARGET && !target.contains(&0);
        if !is_path || core::str::from_utf8(target).is_err() {
            return Err(MountError::Corrupt(
                "a symbolic link has no target that could be a path",
            ));
        }
        let target = self.keep(target)?;
        self.add(attributes, Kind::Link(target))
    }

    /// Says what is in a directory: names, and inodes that were added.
    pub(super) fn fill_directory(
        &mut self,
        directory: u32,
        entries: &[(&[u8], u32)],
    ) -> core::result::Result<(), MountError> {
        let first = self.entries.len() as u32;
        for &(name, inode) in entries {
            let plain = !name.is_empty() && name.len() <= MAX_NAME && name != b"." && name != b"..";
            if !plain || name.contains(&b'/') || name.contains(&0) || core::str::from_utf8(name).is_err() {
                return Err(MountError::Corrupt(
                    "a file name in it is not one (1 to 255 bytes of UTF-8 without '/')",
                ));
            }
            let name = self.keep(name)?;
            self.inodes[inode as usize].names += 1;
            self.entries.push(Entry { name, inode });
        }
        self.inodes[directory as usize].kind = Kind::Directory(first..self.entries.len() as u32);
        Ok(())
    }

    fn add(&mut self, attributes: Attributes, kind: Kind) -> core::result::Result<u32, MountError> {
        if self.inodes.len() == MAX_INODES {
            return Err(MountError::TooLarge);
        }
        let names = u32::from(self.inodes.is_empty());
        self.inodes.push(Inode {
            attributes,
            names,
            kind,
        });
        Ok(self.inodes.len() as u32 - 1)
    }

    fn keep(&mut self, text: &[u8]) -> core::result::Result<Range<u32>, MountError> {
        if self.text.len() + text.len() > MAX_TEXT {
            return Err(MountError::TooLarge);
        }
        let start = self.text.len() as u32;
        self.text.extend_from_slice(text);
        Ok(start..self.text.len() as u32)
    }

    /// The image, to read file data.
    pub(crate) fn image(&self) -> &Arc<Image> {
        &self.image
    }

    /// Nodes of files that have several names, by inode.
    pub(crate) const fn shared(&self) -> &Lock<BTreeMap<u32, Arc<Node>>, rank::ImageNodes> {
        &self.shared
    }

    /// What the inode is.
    pub(crate) fn kind(&self, number: u32) -> Option<ImageKind<'_>> {
        Some(match &self.inodes.get(number as usize)?.kind {
            Kind::Directory(_) => ImageKind::Directory,
            Kind::Regular(extent) => ImageKind::Regular(*extent),
            Kind::Link(target) => ImageKind::Link(self.text(target)),
        })
    }

    /// Its attributes.
    pub(crate) fn attributes(&self, number: u32) -> Attributes {
        self.inodes
            .get(number as usize)
            .map_or_else(Attributes::default, |inode| inode.attributes)
    }

    /// How many names the inode has.
    pub(crate) fn names(&self, number: u32) -> u32 {
        self.inodes.get(number as usize).map_or(1, |inode| inode.names)
    }

    /// Names and inode numbers in a directory.
    pub(crate) fn children(&self, number: u32) -> impl Iterator<Item = (&str, u32)> {
        let range = match self.inodes.get(number as usize).map(|inode| &inode.kind) {
            Some(Kind::Directory(range)) => range.start as usize..range.end as usize,
            _ => 0..0,
        };
        self.entries[range]
            .iter()
            .map(|entry| (self.text(&entry.name), entry.inode))
    }

    fn text(&self, range: &Range<u32>) -> &str {
        // What is kept is UTF-8, see `add_link` and `fill_directory`.
        core::str::from_utf8(&self.text[range.start as usize..range.end as usize]).unwrap_or_default()
    }
}
