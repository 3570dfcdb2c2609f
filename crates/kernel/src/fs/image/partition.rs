//! Finding the file system on the disk: in the second slot of a master boot record (where OSv has it), or bare.

use super::{Image, SECTOR, erofs, rofs};
use crate::drivers::block::{BlockDevice, SECTOR_SIZE};
use alloc::sync::Arc;
use core::fmt;

/// Why a disk cannot be the root file system. The messages name what is wrong and the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MountError {
    /// Neither a superblock nor a master boot record whose second partition has one.
    NoFileSystem,
    /// Another version or block size, or features that the kernel does not know.
    Version,
    /// The partition, the file system's structure or a file reaches past the end of the disk.
    Truncated,
    /// The directory structure contradicts itself; what is wrong is named.
    Corrupt(&'static str),
    /// There are more names than a kernel may keep in memory.
    TooLarge,
    /// The disk failed.
    Io,
    /// `--rootfs=erofs` or `--rootfs=rofs` without a disk.
    NoDisk,
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFileSystem => f.write_str("the disk holds no EROFS or ROFS image (looked at its start and at its second partition); import the image again"),
            Self::Version => f.write_str("the disk image has another version or block size, or is compressed; pack the image again without"),
            Self::Truncated => f.write_str("the disk image is truncated: it names blocks past its end; copy it again"),
            Self::Corrupt(what) => write!(f, "the disk image is corrupt: {what}; pack the image again"),
            Self::TooLarge => f.write_str("the disk image has too many files for this guest; give it fewer files"),
            Self::Io => f.write_str("the disk cannot be read; see what the monitor says about the drive"),
            Self::NoDisk => f.write_str("--rootfs names a file system on a disk and there is none; give the VM a drive, or --rootfs=ramfs"),
        }
    }
}

impl core::error::Error for MountError {}

/// Start and length in sectors of the file system on the disk.
fn locate(device: &dyn BlockDevice) -> Result<(u64, u64), MountError> {
    let capacity = device.capacity_sectors();
    if capacity == 0 {
        return Err(MountError::NoFileSystem);
    }
    let mut head = [0; 4 * SECTOR_SIZE];
    let there = head.len().min(capacity as usize * SECTOR_SIZE);
    device.read(0, &mut head[..there]).map_err(|_| MountError::Io)?;
    if erofs::has_magic(&head) || rofs::has_magic(&head) {
        return Ok((0, capacity));
    }
    let sector = &head[..SECTOR_SIZE];
    if sector[510..] != [0x55, 0xaa] {
        return Err(MountError::NoFileSystem);
    }
    // Partition entries of 16 bytes from byte 446 on; first sector and count are at 8 and 12.
    let entry = &sector[446 + 16..446 + 32];
    let number = |at: usize| {
        u64::from(u32::from_le_bytes([
            entry[at],
            entry[at + 1],
            entry[at + 2],
            entry[at + 3],
        ]))
    };
    let (start, sectors) = (number(8), number(12));
    if start == 0 || sectors == 0 {
        return Err(MountError::NoFileSystem);
    }
    if start + sectors > capacity {
        return Err(MountError::Truncated);
    }
    Ok((start, sectors))
}

/// Opens the disk's file system region.
pub(super) fn open(device: Arc<dyn BlockDevice>, cache_bytes: usize) -> Result<Image, MountError> {
    let (start, sectors) = locate(&*device)?;
    if sectors.checked_mul(SECTOR).is_none() {
        return Err(MountError::Corrupt("its size is beyond all measure"));
    }
    Ok(Image::new(device, start, sectors, cache_bytes))
}
