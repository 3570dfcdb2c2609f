//! Numbers of the format, and its fixed-size records.

/// Length of a block in bytes.
pub const BLOCK_BYTES: u64 = 512;

pub(crate) const MAGIC: u64 = 0xDEAD_BEAD;
pub(super) const VERSION: u64 = 1;
pub(super) const INODE_BYTES: usize = 32;
pub(super) const ENTRY_HEADER_BYTES: usize = 10;

/// Type bits of a mode, as `inode(7)` has them.
pub(super) const TYPE_MASK: u64 = 0xF000;
pub(super) const FOLDER: u64 = 0x4000;
pub(super) const FILE: u64 = 0x8000;
pub(super) const LINK: u64 = 0xA000;

/// Block 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) structure_first_block: u64,
    pub(super) structure_blocks: u64,
    pub(super) entries: u64,
    pub(super) links: u64,
    pub(super) inodes: u64,
}

impl Superblock {
    pub(super) fn encode(&self) -> [u8; BLOCK_BYTES as usize] {
        let fields = [
            MAGIC,
            VERSION,
            BLOCK_BYTES,
            self.structure_first_block,
            self.structure_blocks,
            self.entries,
            self.links,
            self.inodes,
        ];
        let mut block = [0; BLOCK_BYTES as usize];
        for (place, field) in block.chunks_exact_mut(8).zip(fields) {
            place.copy_from_slice(&field.to_le_bytes());
        }
        block
    }

    /// `None` where magic, version or block size are not this format's.
    pub(super) fn decode(block: &[u8; BLOCK_BYTES as usize]) -> Option<Self> {
        let field = |index: usize| number(block, index * 8);
        ((field(0)?, field(1)?, field(2)?) == (MAGIC, VERSION, BLOCK_BYTES)).then_some(())?;
        Some(Self {
            structure_first_block: field(3)?,
            structure_blocks: field(4)?,
            entries: field(5)?,
            links: field(6)?,
            inodes: field(7)?,
        })
    }
}

/// One inode; its number is its place in the list, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    pub(super) mode: u64,
    pub(super) offset: u64,
    pub(super) count: u64,
}

impl Inode {
    pub(super) fn encode(&self, inode_number: u64) -> [u8; INODE_BYTES] {
        let mut bytes = [0; INODE_BYTES];
        for (place, field) in
            bytes
                .chunks_exact_mut(8)
                .zip([self.mode, inode_number, self.offset, self.count])
        {
            place.copy_from_slice(&field.to_le_bytes());
        }
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            mode: number(bytes, 0)?,
            offset: number(bytes, 16)?,
            count: number(bytes, 24)?,
        })
    }
}

/// The u64 at byte `at`.
pub(super) fn number(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|bytes| u64::from_le_bytes(*bytes))
}

const _: () = assert!(
    MAGIC == 0xDEAD_BEAD && VERSION == 1,
    "packed images carry these numbers"
);
