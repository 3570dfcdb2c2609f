//! Numbers of the format, and its fixed-size records.

/// Length of a block in bytes. The format knows others; Linux mounts none that are larger than its pages.
pub const BLOCK_BYTES: u64 = 4096;
/// Where the superblock is.
pub const SUPERBLOCK_OFFSET: u64 = 1024;

pub(super) const SUPERBLOCK_BYTES: usize = 128;
pub(super) const MAGIC: u32 = 0xE0F5_E1E2;
pub(super) const BLOCK_BITS: u8 = 12;
/// Inodes are numbered by their place in units of this many bytes.
pub(super) const SLOT_BYTES: u64 = 32;
pub(super) const ENTRY_BYTES: usize = 12;

/// Compatible features: the superblock's block has a checksum; inodes have times of their own.
pub(super) const COMPATIBLE_CHECKSUM: u32 = 1;
pub(super) const COMPATIBLE_TIMES: u32 = 2;

/// How an inode's data is laid out (bits 1 to 3 of its format).
pub(super) const FLAT_PLAIN: u16 = 0;
/// As `FLAT_PLAIN`, but what follows the last whole block is behind the inode.
pub(super) const FLAT_INLINE: u16 = 2;

pub(super) const COMPACT_BYTES: usize = 32;
pub(super) const EXTENDED_BYTES: usize = 64;

/// Type bits of a mode (`inode(7)`).
pub(super) const TYPE_MASK: u16 = 0xF000;
pub(super) const FOLDER: u16 = 0x4000;
pub(super) const FILE: u16 = 0x8000;
pub(super) const LINK: u16 = 0xA000;

/// Types in folders' entries (as `readdir(3)` tells them, but with numbers of its own).
pub(super) const ENTRY_FILE: u8 = 1;
pub(super) const ENTRY_FOLDER: u8 = 2;
pub(super) const ENTRY_LINK: u8 = 7;

/// What matters to us of the superblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) compatible: u32,
    pub(super) incompatible: u32,
    pub(super) block_bits: u8,
    pub(super) root: u16,
    pub(super) inodes: u64,
    pub(super) blocks: u32,
    pub(super) first_metadata_block: u32,
    pub(super) build_time: i64,
}

impl Superblock {
    /// Without its checksum.
    pub(super) fn encode(&self) -> [u8; SUPERBLOCK_BYTES] {
        let mut bytes = [0; SUPERBLOCK_BYTES];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &MAGIC.to_le_bytes());
        put(8, &self.compatible.to_le_bytes());
        put(12, &[self.block_bits]);
        put(14, &self.root.to_le_bytes());
        put(16, &self.inodes.to_le_bytes());
        put(24, &self.build_time.to_le_bytes());
        put(36, &self.blocks.to_le_bytes());
        put(40, &self.first_metadata_block.to_le_bytes());
        put(80, &self.incompatible.to_le_bytes());
        bytes
    }

    /// `None` where the magic number is another.
    pub(super) fn decode(bytes: &[u8; SUPERBLOCK_BYTES]) -> Option<Self> {
        (u32_at(bytes, 0)? == MAGIC).then_some(())?;
        Some(Self {
            compatible: u32_at(bytes, 8)?,
            block_bits: bytes[12],
            root: u16_at(bytes, 14)?,
            inodes: u64_at(bytes, 16)?,
            build_time: u64_at(bytes, 24)?.cast_signed(),
            blocks: u32_at(bytes, 36)?,
            first_metadata_block: u32_at(bytes, 40)?,
            incompatible: u32_at(bytes, 80)?,
        })
    }
}

/// An inode, of either size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    pub(super) layout: u16,
    /// Extended attributes between the inode and what is behind it, in bytes.
    pub(super) attribute_bytes: u32,
    pub(super) mode: u16,
    pub(super) names: u32,
    pub(super) size: u64,
    /// First block of the data.
    pub(super) block: u32,
    pub(super) number: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Seconds since 1970; the superblock's where the inode has no room for it.
    pub(super) modified: i64,
}

impl Inode {
    /// Length of the record: the short one has no time, and fewer bits for the rest.
    pub(super) fn encoded_bytes(&self, build_time: i64) -> usize {
        let fits = self.modified == build_time
            && u16::try_from(self.uid).is_ok()
            && u16::try_from(self.gid).is_ok()
            && u16::try_from(self.names).is_ok()
            && u32::try_from(self.size).is_ok();
        if fits { COMPACT_BYTES } else { EXTENDED_BYTES }
    }

    /// Appends the record, which has as many bytes as [`encoded_bytes`](Self::encoded_bytes) says.
    pub(super) fn encode(&self, build_time: i64, out: &mut Vec<u8>) {
        let compact = self.encoded_bytes(build_time) == COMPACT_BYTES;
        let format = self.layout << 1 | u16::from(!compact);
        out.extend_from_slice(&format.to_le_bytes());
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&self.mode.to_le_bytes());
        if compact {
            // The casts lose nothing: `encoded_bytes` has looked.
            out.extend_from_slice(&(self.names as u16).to_le_bytes());
            out.extend_from_slice(&(self.size as u32).to_le_bytes());
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&self.block.to_le_bytes());
            out.extend_from_slice(&self.number.to_le_bytes());
            out.extend_from_slice(&(self.uid as u16).to_le_bytes());
            out.extend_from_slice(&(self.gid as u16).to_le_bytes());
            out.extend_from_slice(&[0; 4]);
        } else {
            out.extend_from_slice(&[0; 2]);
            out.extend_from_slice(&self.size.to_le_bytes());
            out.extend_from_slice(&self.block.to_le_bytes());
            out.extend_from_slice(&self.number.to_le_bytes());
            out.extend_from_slice(&self.uid.to_le_bytes());
            out.extend_from_slice(&self.gid.to_le_bytes());
            out.extend_from_slice(&self.modified.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&self.names.to_le_bytes());
            out.extend_from_slice(&[0; 16]);
        }
    }

    /// Reads a record at the beginning of `bytes`; gives its length too. `None` where they end early.
    pub(super) fn decode(bytes: &[u8], build_time: i64) -> Option<(Self, usize)> {
        let format = u16_at(bytes, 0)?;
        let attributes = u16_at(bytes, 2)?;
        // The first attribute comes with a header of 12 bytes, each further unit has 4.
        let attribute_bytes = match attributes {
            0 => 0,
            count => 12 + (u32::from(count) - 1) * 4,
        };
        let common = Self {
            layout: format >> 1 & 7,
            attribute_bytes,
            mode: u16_at(bytes, 4)?,
            names: 0,
            size: 0,
            block: u32_at(bytes, 16)?,
            number: u32_at(bytes, 20)?,
            uid: 0,
            gid: 0,
            modified: build_time,
        };
        if format & 1 == 0 {
            let inode = Self {
                names: u16_at(bytes, 6)?.into(),
                size: u32_at(bytes, 8)?.into(),
                uid: u16_at(bytes, 24)?.into(),
                gid: u16_at(bytes, 26)?.into(),
                ..common
            };
            return (bytes.len() >= COMPACT_BYTES).then_some((inode, COMPACT_BYTES));
        }
        let inode = Self {
            size: u64_at(bytes, 8)?,
            uid: u32_at(bytes, 24)?,
            gid: u32_at(bytes, 28)?,
            modified: u64_at(bytes, 32)?.cast_signed(),
            names: u32_at(bytes, 44)?,
            ..common
        };
        (bytes.len() >= EXTENDED_BYTES).then_some((inode, EXTENDED_BYTES))
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
