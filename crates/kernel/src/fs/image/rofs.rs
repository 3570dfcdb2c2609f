//! ROFS, OSv's read-only file system: the structure area, checked once and kept in memory.
//!
//! Layout (blocks of 512 bytes, little-endian): block 0 is the superblock of eight `u64`: magic, version, block size, first block and
//! length in blocks of the structure area, number of directory entries, of links, of inodes. The structure area has, unpadded, the entries (`u64` inode,
//! `u16` length, name), the links (`u16` length, target) and the inodes (four `u64`: mode, number, offset, count; the root is number 1).
//!
//! The image is a stranger's: [`Rofs::mount`] checks all of it, so that what comes after cannot go wrong: every number is in range, every name is a
//! name, and every directory has exactly one parent, hence there is no loop.

use super::super::node::Node;
use super::{Image, MountError, partition};
use crate::{
    drivers::block::BlockDevice,
    sync::{Lock, rank},
};
use alloc::{collections::BTreeMap, sync::Arc, vec, vec::Vec};
use linux_raw_sys::general as raw;

const MAGIC: u64 = 0xDEAD_BEAD;
const BLOCK: u64 = 512;
const ROOT: u32 = 1;
const INODE_BYTES: usize = 32;
/// The largest structure area: room for about half a million files.
const MAX_STRUCTURE: u64 = 32 << 20;
/// The longest link target (`PATH_MAX` without its NUL).
const MAX_TARGET: usize = 4095;

const TYPE: u64 = 0xf000;
const DIRECTORY: u64 = 0x4000;
const REGULAR: u64 = 0x8000;
const LINK: u64 = 0xa000;

/// True if a first sector begins as ROFS does.
pub(super) fn has_magic(sector: &[u8]) -> bool {
    word(sector, 0) == Some(MAGIC)
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(
        bytes.get(at..at.checked_add(8)?)?.try_into().ok()?,
    ))
}

/// What an inode of the image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImageKind<'a> {
    /// A directory.
    Directory,
    /// A file: first byte in the image, and size in bytes.
    Regular(u64, u64),
    /// A symbolic link to this.
    Link(&'a str),
}

/// A mounted image.
pub(crate) struct Rofs {
    image: Arc<Image>,
    structure: Vec<u8>,
    /// Where each directory entry begins in the structure area.
    entries: Vec<u32>,
    /// Where each link begins.
    links: Vec<u32>,
    /// Where the inodes begin, and how many they are.
    inodes: (usize, u32),
    /// How many names each inode has; directories have one.
    names: Vec<u16>,
    /// Nodes of files with several names, once looked at.
    shared: Lock<BTreeMap<u32, Arc<Node>>, rank::ImageNodes>,
}

struct Superblock {
    structure_start: u64,
    structure_bytes: u64,
    entries: u64,
    links: u64,
    inodes: u64,
}

impl Superblock {
    fn read(image: &Image) -> Result<Self, MountError> {
        let mut block = [0; BLOCK as usize];
        image.read(0, &mut block).map_err(|_| MountError::Io)?;
        let field = |index: usize| word(&block, index * 8).unwrap_or(0);
        if field(0) != MAGIC {
            return Err(MountError::NotRofs);
        }
        if field(1) != 1 || field(2) != BLOCK {
            return Err(MountError::Version);
        }
        let range = field(3).checked_mul(BLOCK).zip(field(4).checked_mul(BLOCK));
        let (structure_start, structure_bytes) = range.ok_or(MountError::Truncated)?;
        if structure_start
            .checked_add(structure_bytes)
            .is_none_or(|end| end > image.len())
        {
            return Err(MountError::Truncated);
        }
        if structure_bytes > MAX_STRUCTURE {
            return Err(MountError::TooLarge);
        }
        let this = Self {
            structure_start,
            structure_bytes,
            entries: field(5),
            links: field(6),
            inodes: field(7),
        };
        // Each takes some bytes of the area, which bounds the tables that are made of them.
        let least =
            |count: u64, bytes: u64| count.checked_mul(bytes).is_some_and(|sum| sum <= structure_bytes);
        if !least(this.entries, 11) || !least(this.links, 3) || !least(this.inodes, INODE_BYTES as u64) {
            return Err(MountError::Corrupt("its counts do not fit its structure area"));
        }
        Ok(this)
    }
}

/// Reads a list of texts, each behind `header` bytes and a `u16` length; gives their places and where the list ends.
fn index_texts(area: &[u8], mut at: usize, count: u64, header: usize) -> Option<(Vec<u32>, usize)> {
    let mut places = Vec::with_capacity(usize::try_from(count).ok()?);
    for _ in 0..count {
        places.push(u32::try_from(at).ok()?);
        let length = area.get(at + header..at + header + 2)?;
        at = at + header + 2 + usize::from(u16::from_le_bytes([length[0], length[1]]));
        if at > area.len() {
            return None;
        }
    }
    Some((places, at))
}

impl Rofs {
    /// Finds, reads and checks the file system of a disk.
    ///
    /// # Errors
    ///
    /// See [`MountError`].
    pub(crate) fn mount(device: Arc<dyn BlockDevice>, cache_bytes: usize) -> Result<Self, MountError> {
        let image = partition::open(device, cache_bytes)?;
        let superblock = Superblock::read(&image)?;
        let mut structure = vec![0; superblock.structure_bytes as usize];
        image
            .read(superblock.structure_start, &mut structure)
            .map_err(|_| MountError::Io)?;
        let outside = MountError::Corrupt("its structure area ends early");
        let (entries, end) = index_texts(&structure, 0, superblock.entries, 8).ok_or(outside)?;
        let (links, end) = index_texts(&structure, end, superblock.links, 0).ok_or(outside)?;
        let inode_bytes = superblock.inodes as usize * INODE_BYTES;
        if structure.len() - end < inode_bytes {
            return Err(outside);
        }
        structure.truncate(end + inode_bytes);
        let names = vec![0; superblock.inodes as usize];
        let inodes = (end, superblock.inodes as u32);
        let mut this = Self {
            image: Arc::new(image),
            structure,
            entries,
            links,
            inodes,
            names,
            shared: Lock::default(),
        };
        this.check()?;
        Ok(this)
    }

    /// Number of the root directory.
    pub(crate) const fn root() -> u32 {
        ROOT
    }

    /// The image, to read file data.
    pub(crate) fn image(&self) -> &Arc<Image> {
        &self.image
    }

    /// Nodes of files that have several names, by inode.
    pub(crate) const fn shared(&self) -> &Lock<BTreeMap<u32, Arc<Node>>, rank::ImageNodes> {
        &self.shared
    }

    /// Mode, offset and count of an inode.
    fn inode(&self, number: u32) -> Option<(u64, u64, u64)> {
        let index = number.checked_sub(1).filter(|&index| index < self.inodes.1)? as usize;
        let at = self.inodes.0 + index * INODE_BYTES;
        Some((
            word(&self.structure, at)?,
            word(&self.structure, at + 16)?,
            word(&self.structure, at + 24)?,
        ))
    }

    fn text(&self, at: u32, header: usize) -> Option<&[u8]> {
        let at = at as usize + header;
        let length = self.structure.get(at..at + 2)?;
        self.structure
            .get(at + 2..at + 2 + usize::from(u16::from_le_bytes([length[0], length[1]])))
    }

    fn entry(&self, index: usize) -> Option<(&[u8], u64)> {
        let at = *self.entries.get(index)?;
        Some((self.text(at, 8)?, word(&self.structure, at as usize)?))
    }

    /// What the inode is, `None` if it is nothing we know.
    pub(crate) fn kind(&self, number: u32) -> Option<ImageKind<'_>> {
        let (mode, offset, count) = self.inode(number)?;
        match mode & TYPE {
            DIRECTORY => Some(ImageKind::Directory),
            REGULAR => Some(ImageKind::Regular(offset.checked_mul(BLOCK)?, count)),
            LINK => {
                let place = *self.links.get(usize::try_from(offset).ok()?)?;
                Some(ImageKind::Link(core::str::from_utf8(self.text(place, 0)?).ok()?))
            }
            _ => None,
        }
    }

    /// `st_mode` of the inode; images that OSv's tool made have no permissions, and get those that its OSv shows.
    pub(crate) fn mode(&self, number: u32) -> u32 {
        let mode = self.inode(number).map_or(0, |(mode, ..)| mode);
        let permissions = match (mode & 0o7777) as u32 {
            0 if mode & TYPE == LINK => 0o777,
            0 => 0o755,
            permissions => permissions,
        };
        permissions
            | match mode & TYPE {
                DIRECTORY => raw::S_IFDIR,
                LINK => raw::S_IFLNK,
                _ => raw::S_IFREG,
            }
    }

    /// How many names the inode has.
    pub(crate) fn names(&self, number: u32) -> u32 {
        self.names
            .get(number as usize - 1)
            .map_or(1, |&names| u32::from(names).max(1))
    }

    /// Names and inode numbers in a directory.
    pub(crate) fn children(&self, number: u32) -> impl Iterator<Item = (&str, u32)> {
        let (_, offset, count) = self.inode(number).unwrap_or((0, 0, 0));
        (offset..offset.saturating_add(count)).map_while(|index| {
            let (name, inode) = self.entry(usize::try_from(index).ok()?)?;
            Some((core::str::from_utf8(name).ok()?, u32::try_from(inode).ok()?))
        })
    }

    /// Checks everything that can be reached from the root.
    fn check(&mut self) -> Result<(), MountError> {
        if self.kind(ROOT) != Some(ImageKind::Directory) {
            return Err(MountError::Corrupt("its root is not a directory"));
        }
        self.names[0] = 1;
        let mut pending = vec![ROOT];
        let mut claimed = 0;
        while let Some(directory) = pending.pop() {
            let (_, offset, count) = self.inode(directory).unwrap_or((0, 0, 0));
            // An entry belongs to one directory; without this, each could claim all and the check would take forever.
            claimed = count.saturating_add(claimed);
            if claimed > self.entries.len() as u64 {
                return Err(MountError::Corrupt("two directories share entries"));
            }
            if offset
                .checked_add(count)
                .is_none_or(|end| end > self.entries.len() as u64)
            {
                return Err(MountError::Corrupt("a directory names entries that do not exist"));
            }
            for index in offset..offset + count {
                if let Some(child) = self.check_entry(index as usize)? {
                    pending.push(child);
                }
            }
        }
        Ok(())
    }

    /// Checks an entry and what it leads to, and counts the name; gives the number of a directory, which is to be checked next.
    fn check_entry(&mut self, index: usize) -> Result<Option<u32>, MountError> {
        let (name, inode) = self
            .entry(index)
            .ok_or(MountError::Corrupt("a directory entry ends early"))?;
        let plain = !name.is_empty() && name.len() <= 255 && name != b"." && name != b"..";
        if !plain || name.contains(&b'/') || name.contains(&0) || core::str::from_utf8(name).is_err() {
            return Err(MountError::Corrupt(
                "a file name in it is not one (1 to 255 bytes of UTF-8 without '/')",
            ));
        }
        let missing =
            MountError::Corrupt("a directory entry names an inode that does not exist or has no known type");
        let inode = u32::try_from(inode).map_err(|_| missing)?;
        let is_directory = match self.kind(inode).ok_or(missing)? {
            ImageKind::Directory => true,
            ImageKind::Regular(start, size) => {
                if size > 0 && start.checked_add(size).is_none_or(|end| end > self.image.len()) {
                    return Err(MountError::Truncated);
                }
                false
            }
            ImageKind::Link(target) => {
                if target.is_empty() || target.len() > MAX_TARGET || target.contains('\0') {
                    return Err(MountError::Corrupt(
                        "a symbolic link has no target that could be a path",
                    ));
                }
                false
            }
        };
        let names = self.names.get_mut(inode as usize - 1).ok_or(missing)?;
        *names = names.saturating_add(1);
        if is_directory && *names > 1 {
            return Err(MountError::Corrupt("a directory has two names"));
        }
        Ok(is_directory.then_some(inode))
    }
}
