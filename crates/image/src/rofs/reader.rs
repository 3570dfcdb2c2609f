//! Reading a tree that may come from a stranger.
//!
//! [`Reader::open`] checks everything that is needed to walk the tree without surprise: counts against lengths, numbers
//! against counts, data against the partition's end, and that every inode but the root is in exactly one folder (so
//! there are no cycles). What is opened can be read.

use std::{collections::HashMap, io};

use super::layout::{
    BLOCK_BYTES, ENTRY_HEADER_BYTES, FILE, FOLDER, INODE_BYTES, Inode, LINK, Superblock, TYPE_MASK, number,
};
use crate::{
    ReadAt,
    contents::{Entry, EntryKind},
    filesystem::Metadata,
};

/// The longest structure area that is read, in bytes: room for about a million files.
const STRUCTURE_LIMIT_BYTES: u64 = 64 << 20;

/// Why a file system cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another superblock, or none.
    #[error("holds no ROFS file system; build the image again")]
    NotRofs,
    /// Something lies beyond the partition's end.
    #[error(
        "truncated: {what} ends at byte {end} of the file system, which has {length}; copy or build the image again"
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

/// A file system that was opened and checked.
#[derive(Debug)]
pub struct Reader<R> {
    disk: R,
    start: u64,
    /// Root first, then by depth.
    entries: Vec<Entry>,
    files: Files,
}

impl<R: ReadAt> Reader<R> {
    /// Opens the file system of `length` bytes at byte `start` of a disk.
    ///
    /// # Errors
    ///
    /// Everything that keeps the tree from being walked; see [`Error`].
    pub fn open(disk: R, start: u64, length: u64) -> Result<Self, Error> {
        let structure = Structure::read(&disk, start, length)?;
        let (entries, files) = structure.walk(length)?;
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
        self.files.get(path.as_ref()).map(|inode| inode.count)
    }

    /// Fills `buffer` with a file's bytes from `offset` on. Links are not followed.
    ///
    /// # Errors
    ///
    /// [`Error::NoFile`]; [`Error::Io`], also where the file ends early.
    pub fn read_at(&self, path: impl AsRef<[u8]>, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        let path = path.as_ref();
        let inode = self.files.get(path).ok_or_else(|| no_file(path))?;
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > inode.count) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let start = self.start + inode.offset * BLOCK_BYTES;
        Ok(self.disk.read_exact_at(buffer, start + offset)?)
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
        let mut bytes = vec![0; length.ok_or_else(|| no_file(path))?];
        self.read_at(path, 0, &mut bytes)?;
        Ok(bytes)
    }
}

fn no_file(path: &[u8]) -> Error {
    Error::NoFile(path.escape_ascii().to_string())
}

/// Inodes of files by path.
type Files = HashMap<Vec<u8>, Inode>;

/// The structure area, split into its three lists.
struct Structure {
    entries: Vec<(u64, Vec<u8>)>,
    links: Vec<Vec<u8>>,
    inodes: Vec<Inode>,
}

impl Structure {
    fn read(disk: &impl ReadAt, start: u64, length: u64) -> Result<Self, Error> {
        let truncated = |what: &str, end| Error::Truncated {
            what: what.to_owned(),
            end,
            length,
        };
        if length < BLOCK_BYTES {
            return Err(truncated("the superblock", BLOCK_BYTES));
        }
        let mut block = [0; BLOCK_BYTES as usize];
        disk.read_exact_at(&mut block, start)?;
        let superblock = Superblock::decode(&block).ok_or(Error::NotRofs)?;
        let first = superblock.structure_first_block.saturating_mul(BLOCK_BYTES);
        let bytes = superblock.structure_blocks.saturating_mul(BLOCK_BYTES);
        let end = first.saturating_add(bytes);
        if end > length {
            return Err(truncated("its structure area", end));
        }
        if bytes > STRUCTURE_LIMIT_BYTES {
            return Err(Error::Broken("its structure area is longer than 64 MiB"));
        }
        let mut area = vec![0; bytes as usize];
        disk.read_exact_at(&mut area, start.checked_add(first).ok_or(Error::NotRofs)?)?;
        Self::parse(&area, &superblock).ok_or(Error::Broken("its lists are longer than its structure area"))
    }

    fn parse(area: &[u8], superblock: &Superblock) -> Option<Self> {
        let mut rest = area;
        let mut entries = Vec::new();
        for _ in 0..superblock.entries {
            let inode = number(rest, 0)?;
            let name = text(rest.get(8..)?)?;
            rest = rest.get(ENTRY_HEADER_BYTES + name.len()..)?;
            entries.push((inode, name.to_vec()));
        }
        let mut links = Vec::new();
        for _ in 0..superblock.links {
            let target = text(rest)?;
            rest = rest.get(2 + target.len()..)?;
            links.push(target.to_vec());
        }
        let count = usize::try_from(superblock.inodes).ok()?;
        let inodes = rest.get(..count.checked_mul(INODE_BYTES)?)?;
        let inodes = inodes
            .chunks_exact(INODE_BYTES)
            .map(Inode::decode)
            .collect::<Option<_>>()?;
        Some(Self {
            entries,
            links,
            inodes,
        })
    }

    /// Goes through the tree from the root and checks each thing once.
    fn walk(&self, length: u64) -> Result<(Vec<Entry>, Files), Error> {
        let root = self.inodes.first().ok_or(Error::Broken("it has no root"))?;
        if root.mode & TYPE_MASK != FOLDER {
            return Err(Error::Broken("its root is no folder"));
        }
        let mut seen = vec![false; self.inodes.len()];
        let mut files = HashMap::new();
        let mut entries = vec![entry(b"/".to_vec(), root, EntryKind::Folder)];
        let mut open = vec![(Vec::new(), *root)];
        // Together these bound the work: every inode at most once, and no path longer than Linux allows.
        while let Some((prefix, folder)) = open.pop() {
            for (inode_number, name) in self.children(&folder)? {
                let path = join(&prefix, name)?;
                let index = usize::try_from(*inode_number)
                    .ok()
                    .and_then(|number| number.checked_sub(1));
                let (seen, inode) = index
                    .and_then(|index| Some((seen.get_mut(index)?, self.inodes.get(index)?)))
                    .ok_or(Error::Broken("a folder names an inode that is not there"))?;
                if std::mem::replace(seen, true) || *inode_number == 1 {
                    return Err(Error::Broken("an inode is in two folders"));
                }
                let kind = self.kind(inode, &path, length)?;
                match kind {
                    EntryKind::Folder => open.push((path.clone(), *inode)),
                    EntryKind::File(_) => {
                        if files.insert(path.clone(), *inode).is_some() {
                            return Err(Error::Broken("a folder has two files of one name"));
                        }
                    }
                    EntryKind::Link(_) => {}
                }
                entries.push(entry(path, inode, kind));
            }
        }
        Ok((entries, files))
    }

    fn children(&self, folder: &Inode) -> Result<&[(u64, Vec<u8>)], Error> {
        let range = || {
            let first = usize::try_from(folder.offset).ok()?;
            let end = first.checked_add(usize::try_from(folder.count).ok()?)?;
            self.entries.get(first..end)
        };
        range().ok_or(Error::Broken("a folder is longer than the list of entries"))
    }

    fn kind(&self, inode: &Inode, path: &[u8], length: u64) -> Result<EntryKind, Error> {
        match inode.mode & TYPE_MASK {
            FOLDER => Ok(EntryKind::Folder),
            FILE => {
                let end = inode
                    .offset
                    .saturating_mul(BLOCK_BYTES)
                    .saturating_add(inode.count);
                if end > length {
                    let what = format!("'{}'", path.escape_ascii());
                    return Err(Error::Truncated { what, end, length });
                }
                Ok(EntryKind::File(inode.count))
            }
            LINK => usize::try_from(inode.offset)
                .ok()
                .and_then(|index| self.links.get(index))
                .map(|target| EntryKind::Link(target.clone()))
                .ok_or(Error::Broken("a link has no target")),
            _ => Err(Error::Broken("an inode is neither file nor folder nor link")),
        }
    }
}

fn entry(path: Vec<u8>, inode: &Inode, kind: EntryKind) -> Entry {
    Entry {
        path,
        metadata: Metadata::new((inode.mode & 0o7777) as u16),
        kind,
    }
}

/// `PREFIX/NAME`, if the name can be one.
fn join(prefix: &[u8], name: &[u8]) -> Result<Vec<u8>, Error> {
    /// Linux' `PATH_MAX`.
    const PATH_LIMIT_BYTES: usize = 4096;
    let bad =
        name.is_empty() || name == b"." || name == b".." || name.iter().any(|byte| matches!(byte, 0 | b'/'));
    if bad || prefix.len() + name.len() >= PATH_LIMIT_BYTES {
        return Err(Error::Broken("a name cannot be a file's"));
    }
    Ok([prefix, b"/", name].concat())
}

/// A text behind its u16 length.
fn text(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.get(..usize::from(u16::from_le_bytes(*length)))
}
