//! Reading a tree that may come from a stranger.
//!
//! [`Reader::open`] checks all that is needed to walk the tree without surprise: data against the end, entries against their block, and that
//! every folder but the root is in exactly one (so there are no cycles). What is opened can be read.

use std::{
    collections::{HashMap, HashSet},
    io,
};

use super::layout::{
    BLOCK_BITS, BLOCK_BYTES, ENTRY_BYTES, EXTENDED_BYTES, FILE, FLAT_INLINE, FLAT_PLAIN, FOLDER, Inode, LINK,
    SLOT_BYTES, SUPERBLOCK_BYTES, SUPERBLOCK_OFFSET, Superblock, TYPE_MASK, u16_at, u64_at,
};
use crate::{
    ReadAt,
    contents::{Entry, EntryKind},
    filesystem::{MAX_NAME_BYTES, MAX_TARGET_BYTES, Metadata},
};

/// Most entries that are read.
const MAX_ENTRIES: usize = 4 << 20;
/// Longest folder that is read, in bytes.
const MAX_FOLDER_BYTES: u64 = 256 << 20;
/// Most bytes that the names on all paths may have together.
const MAX_PATH_BYTES: usize = 1 << 30;

/// Why a file system cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another superblock, or none.
    #[error("holds no EROFS file system; build the image again")]
    NotErofs,
    /// What this reader does not do.
    #[error("is an EROFS with {0}, which is not read here; make it without")]
    Unsupported(&'static str),
    /// Something lies beyond the end.
    #[error(
        "truncated: {what} ends at byte {end}, the file system has {length}; copy or build the image again"
    )]
    Truncated {
        /// What lies beyond the end.
        what: String,
        /// Where it ends, in bytes from the file system's beginning.
        end: u64,
        /// Length of the file system in bytes.
        length: u64,
    },
    /// Numbers that contradict each other.
    #[error("broken ({0}); build the image again")]
    Broken(&'static str),
    /// No such file in it.
    #[error("has no file '{0}'")]
    NoFile(String),
    /// The disk cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Whether a disk begins with a superblock of EROFS.
///
/// # Errors
///
/// The disk cannot be read.
pub(crate) fn is_there(disk: &impl ReadAt) -> io::Result<bool> {
    if disk.length()? < BLOCK_BYTES {
        return Ok(false);
    }
    let mut bytes = [0; SUPERBLOCK_BYTES];
    disk.read_exact_at(&mut bytes, SUPERBLOCK_OFFSET)?;
    Ok(Superblock::decode(&bytes).is_some())
}

/// Where the bytes of an inode are: whole blocks, and what is behind it.
#[derive(Clone, Copy, Debug)]
struct Extent {
    size: u64,
    /// Where the first byte is.
    start: u64,
    /// Where what follows the last whole block is, if it is elsewhere.
    tail: Option<u64>,
}

/// A file system that was opened and checked.
#[derive(Debug)]
pub struct Reader<R> {
    disk: R,
    start: u64,
    entries: Vec<Entry>,
    files: HashMap<Vec<u8>, Extent>,
}

impl<R: ReadAt> Reader<R> {
    /// Opens the file system of `length` bytes at byte `start` of a disk.
    ///
    /// # Errors
    ///
    /// All that keeps the tree from being walked; see [`Error`].
    pub fn open(disk: R, start: u64, length: u64) -> Result<Self, Error> {
        let mut walk = Walk::new(&disk, start, length)?;
        walk.run()?;
        let (entries, files) = (walk.entries, walk.files);
        Ok(Self {
            disk,
            start,
            entries,
            files,
        })
    }

    /// Everything in the tree, the root first, a folder before what is in it.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The length of a file in bytes; `None` where there is no such file. Links are not followed.
    pub fn file_length(&self, path: impl AsRef<[u8]>) -> Option<u64> {
        self.files.get(path.as_ref()).map(|extent| extent.size)
    }

    /// Fills `buffer` with a file's bytes from `offset` on. Links are not followed.
    ///
    /// # Errors
    ///
    /// [`Error::NoFile`]; [`Error::Io`], also where the file ends early.
    pub fn read_at(&self, path: impl AsRef<[u8]>, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let path = path.as_ref();
        let extent = self
            .files
            .get(path)
            .ok_or_else(|| Error::NoFile(path.escape_ascii().to_string()))?;
        read_extent(&self.disk, self.start, extent, offset, buffer)
    }

    /// A whole file's bytes. Links are not followed.
    ///
    /// # Errors
    ///
    /// [`Error::NoFile`], [`Error::Io`].
    pub fn read(&self, path: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
        let path = path.as_ref();
        let length = self
            .file_length(path)
            .and_then(|length| usize::try_from(length).ok());
        let mut bytes = vec![0; length.ok_or_else(|| Error::NoFile(path.escape_ascii().to_string()))?];
        self.read_at(path, 0, &mut bytes)?;
        Ok(bytes)
    }
}

fn read_extent(
    disk: &impl ReadAt,
    start: u64,
    extent: &Extent,
    offset: u64,
    buffer: &mut [u8],
) -> Result<(), Error> {
    let end = offset.checked_add(buffer.len() as u64);
    if end.is_none_or(|end| end > extent.size) {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    let whole = match extent.tail {
        Some(_) => extent.size / BLOCK_BYTES * BLOCK_BYTES,
        None => extent.size,
    };
    let in_blocks = whole.saturating_sub(offset).min(buffer.len() as u64) as usize;
    let (first, rest) = buffer.split_at_mut(in_blocks);
    if !first.is_empty() {
        disk.read_exact_at(first, start + extent.start + offset)?;
    }
    if let (Some(tail), false) = (extent.tail, rest.is_empty()) {
        disk.read_exact_at(rest, start + tail + (offset + in_blocks as u64 - whole))?;
    }
    Ok(())
}

struct Walk<'a, R> {
    disk: &'a R,
    start: u64,
    length: u64,
    superblock: Superblock,
    entries: Vec<Entry>,
    files: HashMap<Vec<u8>, Extent>,
    folders: HashSet<u64>,
    path_bytes: usize,
}

impl<'a, R: ReadAt> Walk<'a, R> {
    fn new(disk: &'a R, start: u64, length: u64) -> Result<Self, Error> {
        if length < BLOCK_BYTES {
            return Err(Error::NotErofs);
        }
        let mut bytes = [0; SUPERBLOCK_BYTES];
        disk.read_exact_at(&mut bytes, start + SUPERBLOCK_OFFSET)?;
        let superblock = Superblock::decode(&bytes).ok_or(Error::NotErofs)?;
        if superblock.block_bits != BLOCK_BITS {
            return Err(Error::Unsupported("blocks of another size than 4096 bytes"));
        }
        if superblock.incompatible != 0 {
            return Err(Error::Unsupported("compression or other features"));
        }
        let end = u64::from(superblock.blocks) * BLOCK_BYTES;
        if end > length {
            return Err(Error::Truncated {
                what: "the file system".into(),
                end,
                length,
            });
        }
        Ok(Self {
            disk,
            start,
            length: end,
            superblock,
            entries: Vec::new(),
            files: HashMap::new(),
            folders: HashSet::new(),
            path_bytes: 0,
        })
    }

    fn run(&mut self) -> Result<(), Error> {
        let root = u64::from(self.superblock.root);
        let mut pending = Vec::new();
        self.inode(root, b"/".to_vec(), &mut pending)?;
        if pending.is_empty() {
            return Err(Error::Broken("the root is no folder"));
        }
        while let Some((path, extent)) = pending.pop() {
            self.folder(&path, &extent, &mut pending)?;
        }
        Ok(())
    }

    /// Reads and checks one inode, and lists it under this path.
    fn inode(
        &mut self,
        number: u64,
        path: Vec<u8>,
        pending: &mut Vec<(Vec<u8>, Extent)>,
    ) -> Result<(), Error> {
        if self.entries.len() == MAX_ENTRIES {
            return Err(Error::Unsupported("more than 4 million names"));
        }
        self.path_bytes += path.len();
        if self.path_bytes > MAX_PATH_BYTES {
            return Err(Error::Unsupported("more than 1 GiB of paths"));
        }
        let at = number
            .checked_mul(SLOT_BYTES)
            .and_then(|at| at.checked_add(u64::from(self.superblock.first_metadata_block) * BLOCK_BYTES))
            .filter(|at| *at < self.length)
            .ok_or(Error::Broken("an inode is outside of the file system"))?;
        let mut bytes = [0; EXTENDED_BYTES];
        let here = (self.length - at).min(EXTENDED_BYTES as u64) as usize;
        self.disk.read_exact_at(&mut bytes[..here], self.start + at)?;
        let (inode, inode_bytes) = Inode::decode(&bytes[..here], self.superblock.build_time)
            .ok_or(Error::Broken("an inode ends outside of the file system"))?;
        let behind = at + inode_bytes as u64 + u64::from(inode.attribute_bytes);
        let extent = self.extent(&inode, behind, &path)?;
        let kind = match inode.mode & TYPE_MASK {
            FOLDER => {
                if extent.size > MAX_FOLDER_BYTES {
                    return Err(Error::Broken("a folder is longer than any is"));
                }
                if !self.folders.insert(number) {
                    return Err(Error::Broken("a folder has two names"));
                }
                pending.push((path.clone(), extent));
                EntryKind::Folder
            }
            FILE => {
                self.files.insert(path.clone(), extent);
                EntryKind::File(extent.size)
            }
            LINK => EntryKind::Link(self.target(&extent)?),
            // Devices, pipes and sockets; the guest has its own.
            _ => return Ok(()),
        };
        let metadata = Metadata {
            permissions: inode.mode & 0o7777,
            uid: inode.uid,
            gid: inode.gid,
            modified: inode.modified,
        };
        self.entries.push(Entry { path, metadata, kind });
        Ok(())
    }

    fn extent(&self, inode: &Inode, behind: u64, path: &[u8]) -> Result<Extent, Error> {
        let start = u64::from(inode.block) * BLOCK_BYTES;
        let tail = inode.size % BLOCK_BYTES;
        let (blocks, behind) = match inode.layout {
            FLAT_PLAIN => (inode.size, None),
            FLAT_INLINE if tail > 0 => (inode.size - tail, Some(behind)),
            FLAT_INLINE => (inode.size, None),
            _ => return Err(Error::Unsupported("compressed or chunked files")),
        };
        let has_data = matches!(inode.mode & TYPE_MASK, FOLDER | FILE | LINK);
        let ends = [
            (blocks > 0).then(|| start.checked_add(blocks)),
            behind.map(|at| at.checked_add(tail)),
        ];
        for end in ends.into_iter().flatten().filter(|_| has_data) {
            let end = end.unwrap_or(u64::MAX);
            if end > self.length {
                return Err(Error::Truncated {
                    what: path.escape_ascii().to_string(),
                    end,
                    length: self.length,
                });
            }
        }
        Ok(Extent {
            size: inode.size,
            start,
            tail: behind,
        })
    }

    fn target(&self, extent: &Extent) -> Result<Vec<u8>, Error> {
        if !(1..=MAX_TARGET_BYTES as u64).contains(&extent.size) {
            return Err(Error::Broken("a link has no target that could be a path"));
        }
        let mut target = vec![0; extent.size as usize];
        read_extent(self.disk, self.start, extent, 0, &mut target)?;
        Ok(target)
    }

    fn folder(
        &mut self,
        path: &[u8],
        extent: &Extent,
        pending: &mut Vec<(Vec<u8>, Extent)>,
    ) -> Result<(), Error> {
        let mut block = vec![0; BLOCK_BYTES as usize];
        let mut seen = HashSet::new();
        let mut at = 0;
        while at < extent.size {
            let bytes = (extent.size - at).min(BLOCK_BYTES) as usize;
            let block = &mut block[..bytes];
            read_extent(self.disk, self.start, extent, at, block)?;
            for (name, number) in names(block).ok_or(Error::Broken("a folder's block contradicts itself"))? {
                if matches!(name, b"." | b"..") {
                    continue;
                }
                if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(&b'/') {
                    return Err(Error::Broken("a name in a folder is none"));
                }
                if !seen.insert(name.to_vec()) {
                    return Err(Error::Broken("a folder has a name twice"));
                }
                let mut child = path.to_vec();
                if child != b"/" {
                    child.push(b'/');
                }
                child.extend_from_slice(name);
                self.inode(number, child, pending)?;
            }
            at += bytes as u64;
        }
        Ok(())
    }
}

/// Names and inodes in a block of a folder; `None` where its numbers lead out of it.
fn names(block: &[u8]) -> Option<Vec<(&[u8], u64)>> {
    let first = usize::from(u16_at(block, 8)?);
    if first == 0 || !first.is_multiple_of(ENTRY_BYTES) || first > block.len() {
        return None;
    }
    let count = first / ENTRY_BYTES;
    let place = |index: usize| u16_at(block, index * ENTRY_BYTES + 8).map(usize::from);
    (0..count)
        .map(|index| {
            let end = if index + 1 < count {
                place(index + 1)?
            } else {
                block.len()
            };
            let name = block.get(place(index)?..end)?;
            // The last name of a block ends at its end or at a zero.
            let length = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
            Some((&name[..length], u64_at(block, index * ENTRY_BYTES)?))
        })
        .collect()
}
