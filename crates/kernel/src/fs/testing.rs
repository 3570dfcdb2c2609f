//! For tests: a disk in memory, a small ROFS image on it, and a tree that all tests of the process share.

use super::{RootConfig, init};
use crate::drivers::block::{BlockDevice, BlockError, DiskMemory};
use std::sync::{Arc, Once};
use uigniter_abi::boot_args::BootArgs;

/// A read-only disk in memory.
pub(crate) struct MemoryDisk(pub(crate) Vec<u8>);

impl BlockDevice for MemoryDisk {
    fn capacity_sectors(&self) -> u64 {
        self.0.len() as u64 / 512
    }

    fn read(&self, sector: u64, buffer: &mut [u8]) -> Result<(), BlockError> {
        if !buffer.len().is_multiple_of(512) {
            return Err(BlockError::Unaligned);
        }
        let start = usize::try_from(sector)
            .ok()
            .and_then(|sector| sector.checked_mul(512))
            .ok_or(BlockError::OutOfRange)?;
        let end = start.checked_add(buffer.len()).ok_or(BlockError::OutOfRange)?;
        buffer.copy_from_slice(self.0.get(start..end).ok_or(BlockError::OutOfRange)?);
        Ok(())
    }
}

/// A read-only disk that is memory: page-aligned, and never freed.
pub(crate) struct MappedDisk(&'static [u8]);

impl MappedDisk {
    /// The image behind a master boot record such that its block 1 begins a page, as our packer lays it out.
    pub(crate) fn of(image: &[u8]) -> Self {
        let mut disk = vec![0; 7 * 512];
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        disk[446 + 16 + 8..446 + 16 + 12].copy_from_slice(&7u32.to_le_bytes());
        disk[446 + 16 + 12..446 + 16 + 16].copy_from_slice(&(image.len() as u32 / 512).to_le_bytes());
        disk.extend(image);
        disk.resize(disk.len().next_multiple_of(4096), 0);
        let memory = vec![0; disk.len() + 4096].leak();
        let skip = memory.as_ptr().align_offset(4096);
        memory[skip..skip + disk.len()].copy_from_slice(&disk);
        Self(&memory[skip..skip + disk.len()])
    }

    /// True if the address is of the disk.
    pub(crate) fn has(&self, address: u64) -> bool {
        self.0.as_ptr_range().contains(&(address as *const u8))
    }
}

impl BlockDevice for MappedDisk {
    fn capacity_sectors(&self) -> u64 {
        self.0.len() as u64 / 512
    }

    fn read(&self, sector: u64, buffer: &mut [u8]) -> Result<(), BlockError> {
        let start = sector as usize * 512;
        buffer.copy_from_slice(
            self.0
                .get(start..start + buffer.len())
                .ok_or(BlockError::OutOfRange)?,
        );
        Ok(())
    }

    fn memory(&self) -> Option<DiskMemory> {
        Some(DiskMemory {
            start: self.0.as_ptr() as u64,
            bytes: self.0.len() as u64,
        })
    }
}

/// A numbers generator for tests (xorshift64*), the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// The bytes of the image's large file.
pub(crate) fn large_bytes() -> Vec<u8> {
    (0..300_000u32)
        .map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

/// One inode: mode, and what its offset and count are.
type Inode = (u64, u64, u64);

/// A bare ROFS image with:
///
/// ```text
/// /bin/app  a large file; /bin/also is another name of it
/// /etc/motd "hello\n"
/// /link     -> bin/app
/// /loop     -> loop
/// /empty/
/// ```
pub(crate) fn image() -> Vec<u8> {
    let (large, motd) = (large_bytes(), b"hello\n".to_vec());
    let large_blocks = large.len().div_ceil(512);
    let mut data = large.clone();
    data.resize(large_blocks * 512, 0);
    data.extend(&motd);
    data.resize((large_blocks + 1) * 512, 0);
    let inodes: [Inode; 8] = [
        (0x41ed, 0, 5),
        (0x41ed, 5, 2),
        (0x41ed, 7, 1),
        (0xa1ff, 0, 1),
        (0xa1ff, 1, 1),
        (0x4000, 0, 0),
        (0x8000 | 0o755, 1, large.len() as u64),
        (0x8000, 1 + large_blocks as u64, motd.len() as u64),
    ];
    let entries = [
        (2u64, "bin"),
        (3, "etc"),
        (4, "link"),
        (5, "loop"),
        (6, "empty"),
        (7, "app"),
        (7, "also"),
        (8, "motd"),
    ];
    let links = ["bin/app", "loop"];
    let mut structure = Vec::new();
    for (inode, name) in entries {
        structure.extend(inode.to_le_bytes());
        structure.extend((name.len() as u16).to_le_bytes());
        structure.extend(name.as_bytes());
    }
    for link in links {
        structure.extend((link.len() as u16).to_le_bytes());
        structure.extend(link.as_bytes());
    }
    for ((mode, offset, count), number) in inodes.into_iter().zip(1u64..) {
        structure.extend(
            [mode, number, offset, count]
                .iter()
                .flat_map(|word| word.to_le_bytes()),
        );
    }
    let blocks = structure.len().div_ceil(512);
    structure.resize(blocks * 512, 0);
    let start = 1 + data.len() as u64 / 512;
    let superblock = [
        0xDEAD_BEAD,
        1,
        512,
        start,
        blocks as u64,
        entries.len() as u64,
        links.len() as u64,
        inodes.len() as u64,
    ];
    let mut image: Vec<u8> = superblock
        .iter()
        .flat_map(|word: &u64| word.to_le_bytes())
        .collect();
    image.resize(512, 0);
    image.extend(data);
    image.extend(structure);
    image
}

/// The image behind a master boot record, in its second partition, as OSv has it.
pub(crate) fn partitioned(image: &[u8]) -> Vec<u8> {
    let mut disk = vec![0; 2 * 512];
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk[446 + 16 + 8..446 + 16 + 12].copy_from_slice(&2u32.to_le_bytes());
    disk[446 + 16 + 12..446 + 16 + 16].copy_from_slice(&(image.len() as u32 / 512).to_le_bytes());
    disk.extend(image);
    disk
}

/// Boots the file systems once for all tests of the process, from [`image`].
pub(crate) fn boot() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let args = BootArgs {
            hostname: Some("guest".into()),
            hosts: vec![("db".into(), "fd00::7".parse().unwrap())],
            nameservers: vec!["10.0.0.1".parse().unwrap()],
            search: vec!["lan".into(), "example.org".into()],
            ..BootArgs::default()
        };
        let disk: Arc<dyn BlockDevice> = Arc::new(MemoryDisk(partitioned(&image())));
        init(&RootConfig {
            disks: Vec::new(),
            disk: Some(disk),
            files: None,
            folders: &[],
            args: &args,
            memory_bytes: 256 << 20,
        })
        .unwrap();
        *crate::process::process().executable.lock() = "/bin/app".into();
    });
}
