//! Writing a tree.

use std::{
    collections::HashMap,
    io::{Seek, SeekFrom, Write},
};

use super::layout::{BLOCK_BYTES, FILE, FOLDER, INODE_BYTES, Inode, LINK, Superblock};
use crate::filesystem::{BuildError, Filesystem, InodeIndex, Kind, Source};

/// Files begin at multiples of this many blocks (a page).
const ALIGNMENT_BLOCKS: u64 = 8;

/// Writes the file system from the writer's position on; returns its length in bytes, a multiple of [`BLOCK_BYTES`]. Runs of zeroes in
/// files are skipped, so that a fresh file stays sparse there. Owners and times have no place in the format.
///
/// # Errors
///
/// [`BuildError::Read`], [`BuildError::Write`].
pub fn write(tree: &Filesystem, output: &mut (impl Write + Seek)) -> Result<u64, BuildError> {
    let start = output.stream_position()?;
    let mut writer = Writer {
        tree,
        output,
        start,
        next_block: 1,
        entries: Vec::new(),
        links: Vec::new(),
        inodes: Vec::new(),
        numbers: HashMap::new(),
        counts: (0, 0),
    };
    writer.number(Filesystem::ROOT);
    // A folder's entries lie together, so they are written before those of the folders below it.
    let mut pending = vec![Filesystem::ROOT];
    while let Some(index) = pending.pop() {
        writer.inode(index, &mut pending)?;
    }
    writer.finish()
}

struct Writer<'a, W> {
    tree: &'a Filesystem,
    output: &'a mut W,
    start: u64,
    next_block: u64,
    /// Encoded directory entries and links, and how many there are.
    entries: Vec<u8>,
    links: Vec<u8>,
    counts: (u64, u64),
    inodes: Vec<Inode>,
    /// Places in `inodes`.
    numbers: HashMap<InodeIndex, usize>,
}

impl<W: Write + Seek> Writer<'_, W> {
    /// The place of an inode in the list, and whether it is new there.
    fn number(&mut self, index: InodeIndex) -> (usize, bool) {
        let next = self.inodes.len();
        let number = *self.numbers.entry(index).or_insert(next);
        if number == next {
            self.inodes.push(Inode {
                mode: 0,
                offset: 0,
                count: 0,
            });
        }
        (number, number == next)
    }

    /// Writes an inode that has its number; what is new in a folder becomes pending.
    fn inode(&mut self, index: InodeIndex, pending: &mut Vec<InodeIndex>) -> Result<(), BuildError> {
        let tree = self.tree;
        let inode = tree.inode(index);
        let (kind, offset, count) = match &inode.kind {
            Kind::File(source) => {
                let (offset, count) = self.file(source)?;
                (FILE, offset, count)
            }
            Kind::Link(target) => {
                push_text(&mut self.links, target);
                self.counts.1 += 1;
                (LINK, self.counts.1 - 1, 1)
            }
            Kind::Folder(children) => {
                let offset = self.counts.0;
                let first = pending.len();
                for (name, &child) in children {
                    let (number, new) = self.number(child);
                    self.entries.extend_from_slice(&(number as u64 + 1).to_le_bytes());
                    push_text(&mut self.entries, name);
                    if new {
                        pending.push(child);
                    }
                }
                pending[first..].reverse();
                self.counts.0 += children.len() as u64;
                (FOLDER, offset, children.len() as u64)
            }
        };
        let (number, _) = self.number(index);
        self.inodes[number] = Inode {
            mode: kind | u64::from(inode.metadata.permissions),
            offset,
            count,
        };
        Ok(())
    }

    /// Writes a file's bytes; returns its first block and its length.
    fn file(&mut self, source: &Source) -> Result<(u64, u64), BuildError> {
        // Block 1 of the file system is the first block of a page of the disk, see `disk`.
        let block = (self.next_block - 1).next_multiple_of(ALIGNMENT_BLOCKS) + 1;
        self.output
            .seek(SeekFrom::Start(self.start + block * BLOCK_BYTES))?;
        let length = source.copy(self.output)?;
        if length > 0 {
            self.next_block = block + length.div_ceil(BLOCK_BYTES);
        }
        Ok((block, length))
    }

    fn finish(self) -> Result<u64, BuildError> {
        let mut structure = self.entries;
        structure.extend_from_slice(&self.links);
        structure.reserve(self.inodes.len() * INODE_BYTES);
        for (inode, number) in self.inodes.iter().zip(1..) {
            structure.extend_from_slice(&inode.encode(number));
        }
        let structure_blocks = (structure.len() as u64).div_ceil(BLOCK_BYTES);
        structure.resize((structure_blocks * BLOCK_BYTES) as usize, 0);
        let superblock = Superblock {
            structure_first_block: self.next_block,
            structure_blocks,
            entries: self.counts.0,
            links: self.counts.1,
            inodes: self.inodes.len() as u64,
        };
        let structure_start = self.start + self.next_block * BLOCK_BYTES;
        self.output.seek(SeekFrom::Start(self.start))?;
        self.output.write_all(&superblock.encode())?;
        self.output.seek(SeekFrom::Start(structure_start))?;
        self.output.write_all(&structure)?;
        self.output.flush()?;
        Ok((self.next_block + structure_blocks) * BLOCK_BYTES)
    }
}

fn push_text(list: &mut Vec<u8>, text: &[u8]) {
    // Names have at most 255 bytes and targets at most 4095, as the tree made sure.
    list.extend_from_slice(&(text.len() as u16).to_le_bytes());
    list.extend_from_slice(text);
}
