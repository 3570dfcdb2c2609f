//! ROFS, OSv's read-only file system (layout in OSv's `scripts/gen-rofs-img.py`, checks in `fs/rofs/`).
//!
//! Blocks are 512 bytes, numbers little-endian:
//!
//! ```text
//! block 0        superblock, eight u64: magic, version, block size, first block and length in blocks of the structure
//!                area, number of directory entries, of links, of inodes
//! block 1..      file data, each file from a block's beginning
//! ...            structure area: directory entries (u64 inode, u16 length, name), links (u16 length, target),
//!                inodes (u64 mode, number, offset, count), all without padding
//! ```
//!
//! An inode's `offset` and `count` are a file's first block and length in bytes, a folder's first directory entry and
//! their number, or a link's place in the list of links and 1. Inode numbers start at 1, which is the root.
//!
//! We go beyond OSv's tool in two harmless ways: the mode has permission bits besides the type (OSv looks at the type
//! only), and files begin at every eighth block, so that their pages are pages of the disk file too.

mod layout;
mod reader;
mod writer;

pub use layout::BLOCK_BYTES;
pub use reader::{Error, Reader};
pub use writer::write;

#[cfg(test)]
mod tests;
