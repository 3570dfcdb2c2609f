//! Empty volumes: ext4 file systems that the library OS mounts and writes, and Linux too.
//!
//! `rsext4` makes them, the code that also reads and writes them in the guest. Two features are taken away, for what its 0.9 does not do right: it counts too few blocks
//! of indexed directories that grow in pieces (`e2fsck`: "`i_blocks` is 456, should be 472"); and with checksums of metadata `e2fsck` marks groups as never written, of
//! whose bitmaps it then leaves bits unset ("Padding at end of inode bitmap is not set").

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rsext4::{
    BlockIo, Clock, DeviceCapabilities, DeviceGeometry, Ext4Error, Ext4Result, Ext4Timestamp, MkfsOptions,
    SectorId,
};

/// The smallest volume in bytes: a journal and something to keep.
pub const LEAST_BYTES: u64 = 32 << 20;

/// The largest volume in bytes. The guest keeps what it knows about a volume in its memory.
pub const MOST_BYTES: u64 = 256 << 30;

const BLOCK: u64 = 4096;
/// Blocks of a group: what one block of bitmap describes.
const GROUP: u64 = 8 * BLOCK;
/// Where the first superblock lies, and its length.
const SUPERBLOCK: u64 = 1024;
const SUPERBLOCK_BYTES: usize = 1024;
/// `s_feature_compat` in a superblock, and its bit for indexed directories.
const FEATURE_COMPAT: usize = 0x5c;
const DIR_INDEX: u32 = 0x20;
/// `s_feature_ro_compat`, and its bit for checksums.
const FEATURE_RO_COMPAT: usize = 0x64;
const METADATA_CSUM: u32 = 0x400;
/// The bit for files of 2 GiB and more, which `rsext4` does not set when one is made.
const LARGE_FILE: u32 = 0x2;
/// Bytes of a group's descriptor, and what in it belongs to checksums: flags, sums of bitmaps, inodes never used and its own sum.
const DESCRIPTOR: usize = 64;
const DESCRIPTOR_CHECKS: [std::ops::Range<usize>; 4] = [0x12..0x14, 0x18..0x20, 0x32..0x34, 0x38..0x3c];
/// `s_checksum_type` and `s_checksum`, which are zero without that.
const CHECKSUM_TYPE: usize = 0x175;
const CHECKSUM: usize = SUPERBLOCK_BYTES - 4;
/// `s_magic`.
const MAGIC: usize = 0x38;

/// Why a volume could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The size is out of range.
    #[error("a volume has {LEAST_BYTES} to {MOST_BYTES} bytes, and not {0}")]
    Size(u64),
    /// The host's file.
    #[error("the volume's file cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The ext4 code.
    #[error("the volume's file system cannot be made: {0}")]
    Format(String),
}

/// Makes an empty file system in a file, which becomes `bytes` long (less than a block is left out) and stays sparse. The file must be new and empty.
///
/// # Errors
///
/// See [`Error`].
pub fn format(file: File, bytes: u64) -> Result<(), Error> {
    if !(LEAST_BYTES..=MOST_BYTES).contains(&bytes) {
        return Err(Error::Size(bytes));
    }
    let bytes = bytes / BLOCK * BLOCK;
    file.set_len(bytes)?;
    let file = Arc::new(file);
    let disk = Fresh {
        file: Arc::clone(&file),
        bytes,
    };
    rsext4::format(disk, Today, MkfsOptions::default()).map_err(|error| Error::Format(error.to_string()))?;
    let groups = bytes.div_ceil(BLOCK * GROUP);
    for group in 0..groups {
        let start = if group == 0 {
            SUPERBLOCK
        } else {
            group * GROUP * BLOCK
        };
        finish(&file, start, groups as usize)?;
    }
    Ok(file.sync_all()?)
}

/// Changes the features of one superblock, if there is one, and the descriptors of groups behind it.
fn finish(file: &File, start: u64, groups: usize) -> io::Result<()> {
    let mut block = [0; SUPERBLOCK_BYTES];
    file.read_exact_at(&mut block, start)?;
    if block[MAGIC..MAGIC + 2] != [0x53, 0xef] {
        return Ok(());
    }
    for (at, without, with) in [
        (FEATURE_COMPAT, DIR_INDEX, 0),
        (FEATURE_RO_COMPAT, METADATA_CSUM, LARGE_FILE),
    ] {
        let mut features = [0; 4];
        features.copy_from_slice(&block[at..at + 4]);
        let features = u32::from_le_bytes(features) & !without | with;
        block[at..at + 4].copy_from_slice(&features.to_le_bytes());
    }
    block[CHECKSUM_TYPE] = 0;
    block[CHECKSUM..].fill(0);
    file.write_all_at(&block, start)?;
    // Without checksums there are no groups that were never written; all are.
    let mut table = vec![0; groups * DESCRIPTOR];
    let at = (start / BLOCK + 1) * BLOCK;
    file.read_exact_at(&mut table, at)?;
    for group in table.chunks_exact_mut(DESCRIPTOR) {
        for field in DESCRIPTOR_CHECKS {
            group[field].fill(0);
        }
    }
    file.write_all_at(&table, at)
}

struct Today;

impl Clock for Today {
    fn now(&self) -> Ext4Result<Ext4Timestamp> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Ext4Timestamp::new(since.as_secs() as i64, since.subsec_nanos()))
    }
}

/// A file that has never been written: what is zero need not be.
struct Fresh {
    file: Arc<File>,
    bytes: u64,
}

impl Fresh {
    fn offset(sector: SectorId) -> Ext4Result<u64> {
        sector.raw().checked_mul(BLOCK).ok_or_else(Ext4Error::overflow)
    }
}

impl BlockIo for Fresh {
    fn write(&mut self, buffer: &[u8], sector: SectorId, _count: u32) -> Ext4Result<()> {
        let offset = Self::offset(sector)?;
        if buffer.iter().all(|&byte| byte == 0) {
            let mut there = vec![0; buffer.len()];
            self.read(&mut there, sector, 0)?;
            if there == buffer {
                return Ok(());
            }
        }
        self.file
            .write_all_at(buffer, offset)
            .map_err(|_| Ext4Error::io())
    }

    fn read(&mut self, buffer: &mut [u8], sector: SectorId, _count: u32) -> Ext4Result<()> {
        self.file
            .read_exact_at(buffer, Self::offset(sector)?)
            .map_err(|_| Ext4Error::io())
    }

    fn geometry(&self) -> DeviceGeometry {
        DeviceGeometry::new(BLOCK as u32, self.bytes / BLOCK)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        DeviceCapabilities {
            flush: true,
            ..DeviceCapabilities::default()
        }
    }

    /// Nothing is there to be lost: the whole is synced at the end.
    fn flush(&mut self) -> Ext4Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{os::unix::fs::MetadataExt, process::Command};

    #[test]
    fn e2fsck_finds_nothing() {
        for bytes in [LEAST_BYTES, (300 << 20) + 5, 5 << 30] {
            let file = tempfile::NamedTempFile::new().unwrap();
            format(file.reopen().unwrap(), bytes).unwrap();
            let output = Command::new("e2fsck").arg("-fn").arg(file.path()).output();
            let output = output.expect("e2fsck is missing; install e2fsprogs");
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.success() && !text.contains("Fix?"),
                "{bytes}: {text}"
            );
            let used = file.as_file().metadata().unwrap().blocks() * 512;
            assert!(
                used < bytes / 32 + (1 << 20),
                "{bytes}: {used} bytes of the host's disk"
            );
        }
    }

    #[test]
    fn sizes_out_of_range_are_refused() {
        for bytes in [0, LEAST_BYTES - 1, MOST_BYTES + 1, u64::MAX] {
            let error = format(tempfile::tempfile().unwrap(), bytes).unwrap_err();
            assert!(matches!(error, Error::Size(_)));
        }
    }
}
