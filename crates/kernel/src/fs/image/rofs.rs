//! ROFS, OSv's read-only file system.
//!
//! Layout (blocks of 512 bytes, little-endian): block 0 is the superblock of eight `u64`: magic, version, block size, first block and
//! length in blocks of the structure area, number of directory entries, of links, of inodes. The structure area has, unpadded, the entries (`u64` inode,
//! `u16` length, name), the links (`u16` length, target) and the inodes (four `u64`: mode, number, offset, count; the root is number 1).

use super::{Attributes, Extent, Image, ImageTree, MountError, word};
use alloc::{vec, vec::Vec};
use linux_raw_sys::general as raw;

const MAGIC: u64 = 0xDEAD_BEAD;
const BLOCK: u64 = 512;
const ROOT: u64 = 1;
const INODE_BYTES: usize = 32;
/// The largest structure area: room for about half a million files.
const MAX_STRUCTURE: u64 = 32 << 20;

const TYPE: u64 = 0xf000;
const DIRECTORY: u64 = 0x4000;
const REGULAR: u64 = 0x8000;
const LINK: u64 = 0xa000;

/// True if a first sector begins as ROFS does.
pub(super) fn has_magic(sector: &[u8]) -> bool {
    word(sector, 0) == Some(MAGIC)
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

/// Reads and checks the file system.
///
/// # Errors
///
/// See [`MountError`].
pub(super) fn load(image: Image) -> Result<ImageTree, MountError> {
    let superblock = Superblock::read(&image)?;
    let mut area = vec![0; superblock.structure_bytes as usize];
    image
        .read(superblock.structure_start, &mut area)
        .map_err(|_| MountError::Io)?;
    let outside = MountError::Corrupt("its structure area ends early");
    let (entries, end) = index_texts(&area, 0, superblock.entries, 8).ok_or(outside)?;
    let (links, end) = index_texts(&area, end, superblock.links, 0).ok_or(outside)?;
    if area.len() - end < superblock.inodes as usize * INODE_BYTES {
        return Err(outside);
    }
    let structure = Structure {
        area,
        entries,
        links,
        inodes_at: end,
        inodes: superblock.inodes,
    };
    structure.walk(image)
}

/// The structure area, and where its parts are.
struct Structure {
    area: Vec<u8>,
    entries: Vec<u32>,
    links: Vec<u32>,
    inodes_at: usize,
    inodes: u64,
}

impl Structure {
    /// Takes over everything that can be reached from the root.
    fn walk(&self, image: Image) -> Result<ImageTree, MountError> {
        let mut tree = ImageTree::new(image);
        // Numbers in the tree, by inode.
        let mut known = vec![None; self.inodes as usize];
        let missing = MountError::Corrupt("it has no root directory");
        let (mode, offset, count) = self.inode(ROOT).ok_or(missing)?;
        if mode & TYPE != DIRECTORY {
            return Err(missing);
        }
        let root = tree.add_directory(attributes(mode))?;
        known[0] = Some(root);
        let mut pending = vec![(root, offset, count)];
        let mut claimed = 0;
        while let Some((directory, offset, count)) = pending.pop() {
            // An entry belongs to one directory; without this, each could claim all and the walk would take forever.
            claimed = count.saturating_add(claimed);
            if claimed > self.entries.len() as u64 {
                return Err(MountError::Corrupt("two directories share entries"));
            }
            let end = offset.checked_add(count);
            let range = end.and_then(|end| self.entries.get(offset as usize..end as usize));
            let places = range.ok_or(MountError::Corrupt("a directory names entries that do not exist"))?;
            let mut children = Vec::with_capacity(places.len());
            for &place in places {
                let broken = MountError::Corrupt("a directory entry ends early");
                let name = self.text(place, 8).ok_or(broken)?;
                let number = word(&self.area, place as usize).ok_or(broken)?;
                children.push((name, self.take(number, &mut tree, &mut known, &mut pending)?));
            }
            tree.fill_directory(directory, &children)?;
        }
        Ok(tree)
    }

    /// The number in the tree of an inode, which is added at its first name.
    fn take(
        &self,
        number: u64,
        tree: &mut ImageTree,
        known: &mut [Option<u32>],
        pending: &mut Vec<(u32, u64, u64)>,
    ) -> Result<u32, MountError> {
        let missing =
            MountError::Corrupt("a directory entry names an inode that does not exist or has no known type");
        let (mode, offset, count) = self.inode(number).ok_or(missing)?;
        let seen = known.get_mut(number as usize - 1).ok_or(missing)?;
        if let Some(seen) = *seen {
            return match mode & TYPE {
                DIRECTORY => Err(MountError::Corrupt("a directory has two names")),
                _ => Ok(seen),
            };
        }
        let added = match mode & TYPE {
            DIRECTORY => {
                let directory = tree.add_directory(attributes(mode))?;
                pending.push((directory, offset, count));
                directory
            }
            REGULAR => {
                let extent = Extent {
                    start: offset.checked_mul(BLOCK).ok_or(MountError::Truncated)?,
                    size: count,
                    tail: None,
                };
                tree.add_regular(attributes(mode), extent)?
            }
            LINK => {
                let place = usize::try_from(offset)
                    .ok()
                    .and_then(|index| self.links.get(index));
                let target = place.and_then(|&place| self.text(place, 0)).ok_or(missing)?;
                tree.add_link(attributes(mode), target)?
            }
            _ => return Err(missing),
        };
        *seen = Some(added);
        Ok(added)
    }

    /// Mode, offset and count of an inode.
    fn inode(&self, number: u64) -> Option<(u64, u64, u64)> {
        let index = number.checked_sub(1).filter(|&index| index < self.inodes)? as usize;
        let at = self.inodes_at + index * INODE_BYTES;
        Some((
            word(&self.area, at)?,
            word(&self.area, at + 16)?,
            word(&self.area, at + 24)?,
        ))
    }

    fn text(&self, at: u32, header: usize) -> Option<&[u8]> {
        let at = at as usize + header;
        let length = self.area.get(at..at + 2)?;
        self.area
            .get(at + 2..at + 2 + usize::from(u16::from_le_bytes([length[0], length[1]])))
    }
}

/// Images that OSv's tool made have no permissions, and get those that its OSv shows. There are no owners and no times.
fn attributes(mode: u64) -> Attributes {
    let permissions = match (mode & 0o7777) as u32 {
        0 if mode & TYPE == LINK => 0o777,
        0 => 0o755,
        permissions => permissions,
    };
    let kind = match mode & TYPE {
        DIRECTORY => raw::S_IFDIR,
        LINK => raw::S_IFLNK,
        _ => raw::S_IFREG,
    };
    Attributes {
        mode: permissions | kind,
        ..Attributes::default()
    }
}
