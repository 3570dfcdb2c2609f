//! EROFS, Linux's read-only file system, without compression (layout in Linux's `fs/erofs/erofs_fs.h`, version of 2018 on).
//!
//! Numbers are little-endian, blocks are pages:
//!
//! ```text
//! byte 0         not the file system's: an image has a pointer to its configuration here
//! byte 1024      superblock of 128 bytes; then the rest of block 0
//! block 1..      data of files, each from a block's beginning
//! ...            metadata: inodes of 64 bytes (32 where time, owner and size allow it), named by their place in units of 32 bytes;
//!                what a small file, a link or a small folder holds lies behind its inode in the same block
//! ```
//!
//! A folder is a file of blocks, each with its entries (`u64` inode, `u16` place of the name, `u8` type, a zero) and then their names, in the
//! order of the bytes of the names over all blocks; `.` and `..` are entries as any other.
//!
//! Linux mounts what [`write()`] makes, `fsck.erofs` is content with it, and a file of more than half a page can be mapped from where it lies.

mod layout;
mod reader;
mod writer;

pub use layout::{BLOCK_BYTES, SUPERBLOCK_OFFSET};
pub(crate) use reader::is_there;
pub use reader::{Error, Reader};
pub use writer::write;

#[cfg(test)]
mod tests;
