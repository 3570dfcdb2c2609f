//! Images: what a microVM finds on its disk, and whether a program can be put there.
//!
//! - [`elf`]: looks at a program before it is packed and refuses what the library OS cannot run.
//! - [`Filesystem`]: the tree that a file system is written from.
//! - [`rofs`]: OSv's read-only file system, written and read back.
//! - [`erofs`]: Linux's read-only file system, written and read back.
//! - [`oci`]: container images as trees.
//! - [`osv`]: folders of OSv's apps as trees.
//! - [`configuration`]: what an image says about running it.
//! - [`lookup`]: what a path means in an image, and what two images have that differs.
//! - [`disk`]: the partition table around it.
//! - [`tree`]: files of the host's at their place in an image, with the links on the way.
//! - [`pack`](mod@pack): one program with what it needs (its libraries are found as `ld.so(8)` finds them) and a small tree around it, as a disk.
//!
//! Every byte that is read here may come from a stranger: no input panics, and lengths are believed only after they
//! were compared with the length of the file.
#![forbid(unsafe_code)]

pub mod configuration;
mod contents;
pub mod digest;
pub mod disk;
pub mod elf;
pub mod erofs;
mod filesystem;
mod libraries;
pub mod lookup;
pub mod oci;
pub mod osv;
pub mod pack;
mod read_at;
pub mod rofs;
#[cfg(test)]
mod testing;
pub mod tree;
pub mod volume;

pub use contents::{Contents, ContentsError, Entry, EntryKind, Format};
pub use disk::Disk;
pub use elf::ElfInfo;
pub use filesystem::{BuildError, Filesystem, MAX_NAME_BYTES, MAX_TARGET_BYTES, Metadata, Source};
pub use libraries::Missing;
pub use pack::{
    Addition, Gathered, MissingList, PackError, Packed, Program, gather, is_program, needs_others, pack,
    pack_elf,
};
pub use read_at::ReadAt;
