//! The disk around a file system: a bare EROFS is the disk, a ROFS is in the second slot of a master boot record, as OSv expects it.

use std::{
    io::{self, Seek, SeekFrom, Write},
    ops::Range,
};

use crate::{
    ReadAt,
    configuration::{self, ImageConfiguration},
    contents::{Contents, Format},
    erofs,
    filesystem::{BuildError, Filesystem},
    rofs::{self, BLOCK_BYTES, Reader},
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
    /// The ROFS in the second slot is not whole.
    #[error("the file system in partition 2 is {0}")]
    Rofs(#[from] rofs::Error),
    /// The EROFS on the disk is not whole.
    #[error("the file system {0}")]
    Erofs(#[from] erofs::Error),
    /// What it says about running it is not whole.
    #[error(transparent)]
    Configuration(#[from] configuration::Error),
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Bytes of each slot of a partition table that is in use.
type Partitions = [Option<Range<u64>>; 4];

/// What is on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Bytes of each partition slot that is in use.
    pub partitions: Partitions,
    /// The file system for the library OS (checked, and whole).
    pub format: Option<Format>,
    /// What the image says about running it.
    pub configuration: Option<ImageConfiguration>,
}

impl Disk {
    /// Looks at a disk and checks that all that it promises is there.
    ///
    /// # Errors
    ///
    /// The first promise that it breaks; see [`Error`].
    pub fn inspect(disk: &impl ReadAt) -> Result<Self, Error> {
        match Self::open(disk) {
            Ok((partitions, contents)) => Ok(Self {
                partitions,
                format: Some(contents.format()),
                configuration: configuration::read(disk)?,
            }),
            // Another file system, for another kernel: not ours to judge.
            Err(Error::Rofs(rofs::Error::NotRofs)) => Ok(Self {
                partitions: partitions(disk)?,
                format: None,
                configuration: None,
            }),
            Err(error) => Err(error),
        }
    }

    /// Opens the file system.
    ///
    /// # Errors
    ///
    /// As [`Disk::inspect`], and where there is none.
    pub fn contents<R: ReadAt>(disk: R) -> Result<Contents<R>, Error> {
        Ok(Self::open(disk)?.1)
    }

    fn open<R: ReadAt>(disk: R) -> Result<(Partitions, Contents<R>), Error> {
        let length = disk.length()?;
        if erofs::is_there(&disk)? {
            let contents = Contents::Erofs(erofs::Reader::open(disk, 0, length)?);
            return Ok(([const { None }; 4], contents));
        }
        let partitions = partitions(&disk)?;
        let range = partitions[1].clone().ok_or(rofs::Error::NotRofs)?;
        let reader = Reader::open(disk, range.start, range.end - range.start)?;
        Ok((partitions, Contents::Rofs(reader)))
    }
}

fn partitions(disk: &impl ReadAt) -> Result<Partitions, Error> {
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

/// Writes a disk with `tree`, from the writer's beginning; returns its length in bytes.
///
/// # Errors
///
/// As [`erofs::write()`] and [`rofs::write()`].
pub fn write(tree: &Filesystem, format: Format, output: &mut (impl Write + Seek)) -> Result<u64, BuildError> {
    output.seek(SeekFrom::Start(0))?;
    match format {
        Format::Erofs => erofs::write(tree, output),
        Format::Rofs => write_rofs(tree, output),
    }
}

fn write_rofs(tree: &Filesystem, output: &mut (impl Write + Seek)) -> Result<u64, BuildError> {
    let start = u64::from(PARTITION_SECTOR) * BLOCK_BYTES;
    output.seek(SeekFrom::Start(start))?;
    let length = rofs::write(tree, output)?;
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
