//! The disk around a file system: a master boot record whose second slot is the ROFS, as OSv expects it.

use std::{
    io::{self, Seek, SeekFrom, Write},
    ops::Range,
};

use crate::{
    ReadAt,
    rofs::{self, BLOCK_BYTES, BuildError, Builder, Reader},
};

/// First sector of the partition that [`write()`] makes. One before a page's beginning, so that the file system's
/// block 1, where file data starts, is the first block of a page of the disk.
const PARTITION_SECTOR: u32 = 7;
/// Partition type "Linux"; OSv does not look at it.
const PARTITION_TYPE: u8 = 0x83;
const TABLE_OFFSET: usize = 446;
const SLOT_BYTES: usize = 16;
const SIGNATURE: [u8; 2] = [0x55, 0xAA];

/// Why a disk was refused. The caller puts the disk's name in front.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No partition table.
    #[error("neither an ELF program nor a disk with a partition table; give one of these")]
    NotADisk,
    /// A partition ends behind the file's end.
    #[error(
        "a truncated disk: partition {slot} ends at byte {end}, the file has {length}; copy or build it again"
    )]
    Truncated {
        /// Partition slot, from 1.
        slot: usize,
        /// Where it ends, in bytes.
        end: u64,
        /// Length of the file in bytes.
        length: u64,
    },
    /// Nothing is in the table.
    #[error("a disk without partitions; build the image again")]
    NoPartitions,
    /// The file system in the second slot is not whole.
    #[error("the file system in partition 2 is {0}")]
    FileSystem(#[from] rofs::Error),
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// What is on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Bytes of each partition slot that is in use.
    pub partitions: [Option<Range<u64>>; 4],
    /// Whether the second slot holds a ROFS (checked, and whole).
    pub has_rofs: bool,
}

impl Disk {
    /// Looks at a disk and checks that all that it promises is there.
    ///
    /// # Errors
    ///
    /// The first promise that it breaks; see [`Error`].
    pub fn inspect(disk: &impl ReadAt) -> Result<Self, Error> {
        let partitions = partitions(disk)?;
        let mut has_rofs = false;
        if let Some(range) = &partitions[1] {
            match Reader::open(disk, range.start, range.end - range.start) {
                Ok(_) => has_rofs = true,
                // Another file system, for another kernel: not ours to judge.
                Err(rofs::Error::NotRofs) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { partitions, has_rofs })
    }

    /// Opens the ROFS in the second slot.
    ///
    /// # Errors
    ///
    /// As [`Disk::inspect`], and where there is none.
    pub fn open_rofs<R: ReadAt>(disk: R) -> Result<Reader<R>, Error> {
        let range = partitions(&disk)?[1].take().ok_or(rofs::Error::NotRofs)?;
        Ok(Reader::open(disk, range.start, range.end - range.start)?)
    }
}

fn partitions(disk: &impl ReadAt) -> Result<[Option<Range<u64>>; 4], Error> {
    let length = disk.length()?;
    let mut sector = [0; BLOCK_BYTES as usize];
    if length < BLOCK_BYTES {
        return Err(Error::NotADisk);
    }
    disk.read_exact_at(&mut sector, 0)?;
    let (table, signature) = sector[TABLE_OFFSET..].split_at(4 * SLOT_BYTES);
    if signature != SIGNATURE {
        return Err(Error::NotADisk);
    }
    let mut found = [const { None }; 4];
    for (index, slot) in table.chunks_exact(SLOT_BYTES).enumerate() {
        let field = |at: usize| {
            slot[at..]
                .first_chunk()
                .map_or(0, |bytes| u64::from(u32::from_le_bytes(*bytes)))
        };
        let (start, sectors) = (field(8) * BLOCK_BYTES, field(12) * BLOCK_BYTES);
        if slot[4] == 0 || sectors == 0 {
            continue;
        }
        let end = start + sectors;
        if end > length {
            return Err(Error::Truncated {
                slot: index + 1,
                end,
                length,
            });
        }
        found[index] = Some(start..end);
    }
    if found.iter().all(Option::is_none) {
        Err(Error::NoPartitions)
    } else {
        Ok(found)
    }
}

/// Writes a disk with `tree` as a ROFS in its second slot, from the writer's beginning; returns its length in bytes.
///
/// # Errors
///
/// As [`Builder::write`].
pub fn write(tree: &Builder, output: &mut (impl Write + Seek)) -> Result<u64, BuildError> {
    let start = u64::from(PARTITION_SECTOR) * BLOCK_BYTES;
    output.seek(SeekFrom::Start(start))?;
    let length = tree.write(output)?;
    // A table entry counts sectors in 32 bits: 2 TiB.
    let sectors = u32::try_from(length / BLOCK_BYTES).map_err(|_| {
        io::Error::new(
            io::ErrorKind::FileTooLarge,
            "the image would be longer than 2 TiB",
        )
    })?;
    output.seek(SeekFrom::Start(0))?;
    output.write_all(&boot_record(sectors))?;
    output.flush()?;
    Ok(start + length)
}

fn boot_record(sectors: u32) -> [u8; BLOCK_BYTES as usize] {
    let mut sector = [0; BLOCK_BYTES as usize];
    let slot = &mut sector[TABLE_OFFSET + SLOT_BYTES..TABLE_OFFSET + 2 * SLOT_BYTES];
    // Cylinder 0, head 0; sectors count from 1. OSv skips slots whose start sector is zero.
    slot[1..4].copy_from_slice(&[0, PARTITION_SECTOR as u8 + 1, 0]);
    slot[4] = PARTITION_TYPE;
    // The end in cylinders is not representable for larger disks; this is the customary "look at the sectors".
    slot[5..8].copy_from_slice(&[0xfe, 0xff, 0xff]);
    slot[8..12].copy_from_slice(&PARTITION_SECTOR.to_le_bytes());
    slot[12..16].copy_from_slice(&sectors.to_le_bytes());
    sector[BLOCK_BYTES as usize - 2..].copy_from_slice(&SIGNATURE);
    sector
}
