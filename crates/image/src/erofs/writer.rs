//! Writing a tree: file data as it is read, then the metadata, then the superblock that knows them.

use std::{
    collections::HashMap,
    io::{Seek, SeekFrom, Write},
};

use crc::{CRC_32_ISCSI, Crc};

use super::layout::{
    BLOCK_BITS, BLOCK_BYTES, COMPATIBLE_CHECKSUM, COMPATIBLE_TIMES, ENTRY_BYTES, ENTRY_FILE, ENTRY_FOLDER,
    ENTRY_LINK, FILE, FLAT_INLINE, FLAT_PLAIN, FOLDER, Inode, LINK, SLOT_BYTES, SUPERBLOCK_OFFSET,
    Superblock,
};
use crate::filesystem::{BuildError, Filesystem, InodeIndex, Kind};

/// What is no longer than this lies behind its inode. Less than half a block, so that little is lost where blocks end; a longer file begins
/// at a page, where it can be mapped.
const INLINE_BYTES: usize = 2048;

/// Header of the extended attributes behind an inode (`struct erofs_xattr_ibody_header`).
const ATTRIBUTES_HEADER_BYTES: usize = 12;

const BLOCK: usize = BLOCK_BYTES as usize;

/// Inodes without a time of their own would have this one.
const BUILD_TIME: i64 = 0;

/// Writes the file system from the writer's position on; returns its length in bytes, a multiple of [`BLOCK_BYTES`]. The first
/// [`SUPERBLOCK_OFFSET`] bytes are left as they are. Runs of zeroes in files are skipped, so that a fresh file stays sparse there.
///
/// # Errors
///
/// [`BuildError::Read`], [`BuildError::Write`], [`BuildError::TooLarge`] from 16 TiB on.
pub fn write(tree: &Filesystem, output: &mut (impl Write + Seek)) -> Result<u64, BuildError> {
    let start = output.stream_position()?;
    let mut writer = Writer {
        tree,
        output,
        start,
        next_block: 1,
        places: Vec::new(),
        by_index: HashMap::new(),
    };
    writer.place_all()?;
    writer.assign_slots();
    writer.finish()
}

/// Where an inode's data is.
enum Data {
    /// Behind the inode.
    Inline(Vec<u8>),
    /// From this block on.
    Blocks(u32),
    /// A folder's: behind the inode, or from this block on, made when all inodes have their places. How many entries each of its blocks has.
    Folder(Option<u32>, Vec<usize>),
}

struct Place {
    index: InodeIndex,
    inode: Inode,
    data: Data,
    /// In units of [`SLOT_BYTES`] from the beginning of the metadata.
    slot: u64,
}

/// An entry of a folder: its name, and the inode's place in the list and type.
type Entry<'a> = (&'a [u8], usize, u8);

struct Writer<'a, W> {
    tree: &'a Filesystem,
    output: &'a mut W,
    start: u64,
    next_block: u32,
    places: Vec<Place>,
    /// Places in `places`.
    by_index: HashMap<InodeIndex, usize>,
}

impl<W: Write + Seek> Writer<'_, W> {
    /// Lists the inodes and writes what is in files.
    fn place_all(&mut self) -> Result<(), BuildError> {
        let tree = self.tree;
        for (number, index) in tree.walk().into_iter().enumerate() {
            self.by_index.insert(index, number);
            let node = tree.inode(index);
            let (kind, size, data) = match &node.kind {
                Kind::File(source) => match source.small(INLINE_BYTES)? {
                    Some(bytes) => (FILE, bytes.len() as u64, Data::Inline(bytes)),
                    None => {
                        let block = self.next_block;
                        self.seek_block(block)?;
                        let length = source.copy(self.output)?;
                        self.take_blocks(length)?;
                        (FILE, length, Data::Blocks(block))
                    }
                },
                Kind::Link(target) if target.len() <= INLINE_BYTES => {
                    (LINK, target.len() as u64, Data::Inline(target.clone()))
                }
                Kind::Link(target) => {
                    let block = self.next_block;
                    self.seek_block(block)?;
                    self.output.write_all(target)?;
                    self.take_blocks(target.len() as u64)?;
                    (LINK, target.len() as u64, Data::Blocks(block))
                }
                Kind::Folder(children) => {
                    let names = [&b"."[..], b".."].into_iter();
                    let (counts, size) = folder_blocks(names.chain(children.keys().map(|name| &name[..])));
                    let block = (size > INLINE_BYTES as u64).then_some(self.next_block);
                    if block.is_some() {
                        self.take_blocks(size)?;
                    }
                    (FOLDER, size, Data::Folder(block, counts))
                }
            };
            let (layout, block) = match &data {
                Data::Inline(bytes) if bytes.is_empty() => (FLAT_PLAIN, 0),
                Data::Inline(_) | Data::Folder(None, _) => (FLAT_INLINE, 0),
                Data::Blocks(block) | Data::Folder(Some(block), _) => (FLAT_PLAIN, *block),
            };
            let inode = Inode {
                layout,
                attribute_bytes: 0,
                mode: kind | node.metadata.permissions,
                names: 0,
                size,
                block,
                number: u32::try_from(number + 1).map_err(|_| BuildError::TooLarge("it has 2^32 files"))?,
                uid: node.metadata.uid,
                gid: node.metadata.gid,
                modified: node.metadata.modified,
            };
            self.places.push(Place {
                index,
                inode,
                data,
                slot: 0,
            });
        }
        self.count_names();
        Ok(())
    }

    /// Counts the names of each inode: a folder has one, its `.`, and the `..` of each folder in it.
    fn count_names(&mut self) {
        let mut names = vec![0; self.places.len()];
        names[0] = 1;
        for (number, place) in self.places.iter().enumerate() {
            let Kind::Folder(children) = &self.tree.inode(place.index).kind else {
                continue;
            };
            names[number] += 1;
            for child in children.values() {
                names[self.by_index[child]] += 1;
                names[number] += u32::from(matches!(self.tree.inode(*child).kind, Kind::Folder(_)));
            }
        }
        for (place, names) in self.places.iter_mut().zip(names) {
            place.inode.names = names;
        }
    }

    /// Gives each inode its place in the metadata: it and what is behind it are in one block.
    fn assign_slots(&mut self) {
        // Number 0 stands for "none" in too many programs.
        let mut at = SLOT_BYTES;
        for place in &mut self.places {
            let behind = match &place.data {
                Data::Inline(bytes) => bytes.len() as u64,
                Data::Folder(None, _) => place.inode.size,
                Data::Blocks(_) | Data::Folder(Some(_), _) => 0,
            };
            let bytes = place.inode.encoded_bytes(BUILD_TIME) as u64 + behind;
            if at % BLOCK_BYTES + bytes > BLOCK_BYTES {
                at = at.next_multiple_of(BLOCK_BYTES);
            }
            place.slot = at / SLOT_BYTES;
            at = (at + bytes).next_multiple_of(SLOT_BYTES);
        }
    }

    fn finish(mut self) -> Result<u64, BuildError> {
        let mut metadata = Vec::new();
        let mut parents = HashMap::from([(0, 0)]);
        for number in 0..self.places.len() {
            let folder = self.folder(number, &mut parents);
            let place = &self.places[number];
            metadata.resize((place.slot * SLOT_BYTES) as usize, 0);
            place.inode.encode(BUILD_TIME, &mut metadata);
            match (&place.data, folder) {
                (Data::Inline(bytes), _) => metadata.extend_from_slice(bytes),
                (Data::Folder(None, _), Some(bytes)) => metadata.extend_from_slice(&bytes),
                (Data::Folder(Some(block), _), Some(bytes)) => {
                    let block = *block;
                    self.seek_block(block)?;
                    self.output.write_all(&bytes)?;
                }
                (Data::Blocks(_) | Data::Folder(..), _) => {}
            }
        }
        // `fsck.erofs` 1.5 reads the attributes' header behind an inode that has none, and refuses an image that ends there.
        let length = metadata.len() + ATTRIBUTES_HEADER_BYTES;
        metadata.resize(length.next_multiple_of(BLOCK), 0);
        let first_metadata_block = self.next_block;
        self.seek_block(first_metadata_block)?;
        self.output.write_all(&metadata)?;
        self.take_blocks(metadata.len() as u64)?;
        let superblock = Superblock {
            compatible: COMPATIBLE_CHECKSUM | COMPATIBLE_TIMES,
            incompatible: 0,
            block_bits: BLOCK_BITS,
            // The root is the first inode.
            root: 1,
            inodes: self.places.len() as u64,
            blocks: self.next_block,
            first_metadata_block,
            build_time: BUILD_TIME,
        };
        self.output
            .seek(SeekFrom::Start(self.start + SUPERBLOCK_OFFSET))?;
        self.output.write_all(&sealed(&superblock))?;
        self.output.flush()?;
        Ok(u64::from(self.next_block) * BLOCK_BYTES)
    }

    /// The bytes of the folder with this number, if it is one; its own folders learn whose they are.
    fn folder(&self, number: usize, parents: &mut HashMap<usize, usize>) -> Option<Vec<u8>> {
        let Place {
            index,
            data: Data::Folder(_, counts),
            ..
        } = &self.places[number]
        else {
            return None;
        };
        let Kind::Folder(children) = &self.tree.inode(*index).kind else {
            return None;
        };
        let parent = parents.get(&number).copied().unwrap_or_default();
        let mut entries: Vec<Entry<'_>> = vec![(b".", number, ENTRY_FOLDER), (b"..", parent, ENTRY_FOLDER)];
        for (name, child) in children {
            let child_number = self.by_index[child];
            let kind = match self.tree.inode(*child).kind {
                Kind::Folder(_) => {
                    parents.insert(child_number, number);
                    ENTRY_FOLDER
                }
                Kind::File(_) => ENTRY_FILE,
                Kind::Link(_) => ENTRY_LINK,
            };
            entries.push((name, child_number, kind));
        }
        entries.sort_unstable_by_key(|(name, ..)| *name);
        let mut bytes = Vec::new();
        let mut rest = &entries[..];
        for count in counts {
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
            let (here, after) = rest.split_at(*count);
            self.folder_block(here, &mut bytes);
            rest = after;
        }
        Some(bytes)
    }

    fn folder_block(&self, entries: &[Entry<'_>], out: &mut Vec<u8>) {
        let mut name_at = entries.len() * ENTRY_BYTES;
        for (name, number, kind) in entries {
            out.extend_from_slice(&self.places[*number].slot.to_le_bytes());
            // A block's length fits.
            out.extend_from_slice(&(name_at as u16).to_le_bytes());
            out.extend_from_slice(&[*kind, 0]);
            name_at += name.len();
        }
        for (name, ..) in entries {
            out.extend_from_slice(name);
        }
    }

    fn seek_block(&mut self, block: u32) -> Result<(), BuildError> {
        let position = self.start + u64::from(block) * BLOCK_BYTES;
        self.output.seek(SeekFrom::Start(position))?;
        Ok(())
    }

    fn take_blocks(&mut self, bytes: u64) -> Result<(), BuildError> {
        let next = u64::from(self.next_block) + bytes.div_ceil(BLOCK_BYTES);
        self.next_block = u32::try_from(next).map_err(|_| BuildError::TooLarge("EROFS ends at 16 TiB"))?;
        Ok(())
    }
}

/// How many of these names each block of a folder takes, and its length: whole blocks, and what the last one uses.
fn folder_blocks<'a>(names: impl Iterator<Item = &'a [u8]>) -> (Vec<usize>, u64) {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    let (mut counts, mut count, mut bytes) = (Vec::new(), 0, 0);
    for name in names {
        if bytes + ENTRY_BYTES + name.len() > BLOCK {
            counts.push(count);
            (count, bytes) = (0, 0);
        }
        count += 1;
        bytes += ENTRY_BYTES + name.len();
    }
    let size = counts.len() as u64 * BLOCK_BYTES + bytes as u64;
    counts.push(count);
    (counts, size)
}

/// The superblock and what follows it in its block, with the checksum over both.
fn sealed(superblock: &Superblock) -> Vec<u8> {
    let mut block = superblock.encode().to_vec();
    block.resize(BLOCK - SUPERBLOCK_OFFSET as usize, 0);
    // As Linux's crc32c(): without the inversion at the end.
    let checksum = !Crc::<u32>::new(&CRC_32_ISCSI).checksum(&block);
    block[4..8].copy_from_slice(&checksum.to_le_bytes());
    block
}
