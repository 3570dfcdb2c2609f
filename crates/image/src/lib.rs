//! Images: what a microVM finds on its disk, and whether a program can be put there.
//!
//! - [`elf`]: looks at a program before it is packed and refuses what the library OS cannot run.
//! - [`rofs`]: OSv's read-only file system, written ([`rofs::Builder`]) and read back ([`rofs::Reader`]).
//! - [`disk`]: the partition table around it.
//! - [`tree`]: files of the host's at their place in an image, with the links on the way.
//! - [`pack`](mod@pack): one program with what it needs (its libraries are found as `ld.so(8)` finds them) and a small tree around it, as a disk.
//!
//! Every byte that is read here may come from a stranger: no input panics, and lengths are believed only after they
//! were compared with the length of the file.
#![forbid(unsafe_code)]

pub mod disk;
pub mod elf;
mod libraries;
pub mod pack;
mod read_at;
pub mod rofs;
pub mod tree;

pub use disk::Disk;
pub use elf::ElfInfo;
pub use libraries::Missing;
pub use pack::{Addition, MissingList, PackError, Packed, Program, needs_others, pack, pack_elf};
pub use read_at::ReadAt;
