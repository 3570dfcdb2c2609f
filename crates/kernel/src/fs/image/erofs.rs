//! EROFS, Linux's read-only file system, without compression (layout in Linux's `fs/erofs/erofs_fs.h`).
//!
//! Blocks are pages, numbers little-endian. The superblock is at byte 1024. An inode has 32 or 64 bytes and is named by its place in the metadata in units of 32
//! bytes; its data is a run of blocks, of which the part after the last whole one may be behind the inode instead. A directory is a file of blocks, each with
//! entries (`u64` inode, `u16` place of the name, `u8` type) and then the names.

use super::{Attributes, Extent, Image, ImageTree, MountError, word};
use crate::mm::PAGE_SIZE;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec,
    vec::Vec,
};
use linux_raw_sys::general as raw;

const SUPERBLOCK_OFFSET: usize = 1024;
const MAGIC: u32 = 0xE0F5_E1E2;
const BLOCK: u64 = PAGE_SIZE as u64;
const BLOCK_BITS: u8 = 12;
const SLOT: u64 = 32;
const COMPACT: usize = 32;
const EXTENDED: usize = 64;
const ENTRY: usize = 12;
const NS_PER_S: u64 = 1_000_000_000;
/// The longest directory in bytes, as a file.
const MAX_DIRECTORY: u64 = 64 << 20;

/// Layouts of data: all in blocks; the end behind the inode.
const FLAT_PLAIN: u16 = 0;
const FLAT_INLINE: u16 = 2;

/// True if a first page has the superblock.
pub(super) fn has_magic(page: &[u8]) -> bool {
    long(page, SUPERBLOCK_OFFSET) == Some(MAGIC)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// What is needed of the superblock.
struct Superblock {
    root: u64,
    metadata: u64,
    build_time: u64,
}

impl Superblock {
    fn read(image: &Image) -> Result<Self, MountError> {
        let mut page = [0; PAGE_SIZE];
        image.read(0, &mut page).map_err(|_| MountError::Io)?;
        let bytes = &page[SUPERBLOCK_OFFSET..];
        let number = |at| long(bytes, at).map(u64::from).ok_or(MountError::Truncated);
        // Feature bits that a reader must know: all of them are about compression or data elsewhere.
        if bytes[12] != BLOCK_BITS || number(80)? != 0 {
            return Err(MountError::Version);
        }
        if number(36)? * BLOCK > image.len() {
            return Err(MountError::Truncated);
        }
        Ok(Self {
            root: short(bytes, 14).ok_or(MountError::Truncated)?.into(),
            metadata: number(40)? * BLOCK,
            build_time: word(bytes, 24).ok_or(MountError::Truncated)?,
        })
    }
}

/// An inode as it is on the disk.
struct Inode {
    attributes: Attributes,
    extent: Extent,
    /// How many names it says that it has.
    names: u32,
}

/// Reads and checks the file system.
///
/// # Errors
///
/// See [`MountError`].
pub(super) fn load(image: Image) -> Result<ImageTree, MountError> {
    let superblock = Superblock::read(&image)?;
    let root = superblock.inode(&image, superblock.root)?;
    if root.attributes.mode & raw::S_IFMT != raw::S_IFDIR {
        return Err(MountError::Corrupt("it has no root directory"));
    }
    let mut walk = Walk {
        tree: ImageTree::new(image),
        directories: BTreeSet::from([superblock.root]),
        shared: BTreeMap::new(),
        superblock,
        pending: Vec::new(),
    };
    let number = walk.tree.add_directory(root.attributes)?;
    walk.pending.push((number, root.extent));
    while let Some((directory, extent)) = walk.pending.pop() {
        walk.directory(directory, extent)?;
    }
    Ok(walk.tree)
}

impl Superblock {
    fn inode(&self, image: &Image, number: u64) -> Result<Inode, MountError> {
        let outside = MountError::Corrupt("a directory entry names an inode outside of the file system");
        let at = number
            .checked_mul(SLOT)
            .and_then(|at| at.checked_add(self.metadata))
            .filter(|&at| at < image.len())
            .ok_or(outside)?;
        let mut bytes = [0; EXTENDED];
        let there = (image.len() - at).min(EXTENDED as u64) as usize;
        image.read(at, &mut bytes[..there]).map_err(|_| MountError::Io)?;
        let format = u16::from_le_bytes([bytes[0], bytes[1]]);
        let compact = format & 1 == 0;
        let inode_bytes = if compact { COMPACT } else { EXTENDED };
        if there < inode_bytes {
            return Err(outside);
        }
        let field = |at| long(&bytes, at).unwrap_or_default();
        let half = |at| short(&bytes, at).map_or(0, u32::from);
        let (size, uid, gid, names, modified) = if compact {
            let size = u64::from(field(8));
            (size, half(24), half(26), half(6), self.build_time)
        } else {
            let wide = |at| word(&bytes, at).unwrap_or_default();
            (wide(8), field(24), field(28), field(44), wide(32))
        };
        // Extended attributes come between the inode and what is behind it: a header of 12 bytes, then units of 4.
        let attribute_bytes = match half(2) {
            0 => 0,
            count => 12 + (u64::from(count) - 1) * 4,
        };
        let start = u64::from(field(16)) * BLOCK;
        let extent = Extent {
            start,
            size,
            tail: match format >> 1 & 7 {
                FLAT_PLAIN => None,
                FLAT_INLINE => {
                    (!size.is_multiple_of(BLOCK)).then_some(at + inode_bytes as u64 + attribute_bytes)
                }
                _ => return Err(MountError::Version),
            },
        };
        let attributes = Attributes {
            mode: half(4),
            uid,
            gid,
            // Before 1970 is 1970 here, and what is after 2554 is then.
            modified: Some((modified.cast_signed().max(0) as u64).saturating_mul(NS_PER_S)),
        };
        Ok(Inode {
            attributes,
            extent,
            names,
        })
    }
}

struct Walk {
    tree: ImageTree,
    superblock: Superblock,
    /// Directories that have a name: none has two.
    directories: BTreeSet<u64>,
    /// Numbers in the tree of files that have several names.
    shared: BTreeMap<u64, u32>,
    pending: Vec<(u32, Extent)>,
}

impl Walk {
    fn directory(&mut self, directory: u32, extent: Extent) -> Result<(), MountError> {
        if extent.size > MAX_DIRECTORY || !extent.fits(self.tree.image().len()) {
            return Err(MountError::Truncated);
        }
        let mut bytes = vec![0; extent.size as usize];
        if !bytes.is_empty() {
            let image = self.tree.image().clone();
            extent.read(&image, 0, &mut bytes).map_err(|_| MountError::Io)?;
        }
        let mut children = Vec::new();
        for block in bytes.chunks(PAGE_SIZE) {
            let first = short(block, 8).map_or(0, usize::from);
            if first == 0 || !first.is_multiple_of(ENTRY) || first > block.len() {
                return Err(BROKEN);
            }
            for index in 0..first / ENTRY {
                let (name, number) = entry(block, index, first / ENTRY).ok_or(BROKEN)?;
                if name == b"." || name == b".." {
                    continue;
                }
                if let Some(child) = self.take(number)? {
                    children.push((name, child));
                }
            }
        }
        self.tree.fill_directory(directory, &children)
    }

    /// The number in the tree of an inode; `None` for devices and the like, of which the guest has its own.
    fn take(&mut self, number: u64) -> Result<Option<u32>, MountError> {
        if let Some(&seen) = self.shared.get(&number) {
            return Ok(Some(seen));
        }
        let image = self.tree.image().clone();
        let Inode {
            attributes,
            extent,
            names,
        } = self.superblock.inode(&image, number)?;
        let added = match attributes.mode & raw::S_IFMT {
            raw::S_IFDIR => {
                if !self.directories.insert(number) {
                    return Err(MountError::Corrupt("a directory has two names"));
                }
                let directory = self.tree.add_directory(attributes)?;
                self.pending.push((directory, extent));
                directory
            }
            raw::S_IFREG => self.tree.add_regular(attributes, extent)?,
            raw::S_IFLNK => {
                if extent.size > BLOCK || !extent.fits(image.len()) {
                    return Err(MountError::Truncated);
                }
                let mut target = vec![0; extent.size as usize];
                if !target.is_empty() {
                    extent.read(&image, 0, &mut target).map_err(|_| MountError::Io)?;
                }
                self.tree.add_link(attributes, &target)?
            }
            _ => return Ok(None),
        };
        if names > 1 && attributes.mode & raw::S_IFMT != raw::S_IFDIR {
            self.shared.insert(number, added);
        }
        Ok(Some(added))
    }
}

const BROKEN: MountError = MountError::Corrupt("a directory's block contradicts itself");

/// Name and inode of one of `count` entries in a block of a directory.
fn entry(block: &[u8], index: usize, count: usize) -> Option<(&[u8], u64)> {
    let place = |index: usize| short(block, index * ENTRY + 8).map(usize::from);
    let end = if index + 1 < count {
        place(index + 1)?
    } else {
        block.len()
    };
    let name = block.get(place(index)?..end)?;
    // The last name of a block ends at its end or at a zero.
    let length = memchr::memchr(0, name).unwrap_or(name.len());
    Some((&name[..length], word(block, index * ENTRY)?))
}
