//! Images: what a microVM finds on its disk, and whether a program can be put there.
//!
//! - [`elf`]: looks at a program before it is packed and refuses what the library OS cannot run.
//! - [`rofs`]: OSv's read-only file system, written ([`rofs::Builder`]) and read back ([`rofs::Reader`]).
//! - [`disk`]: the partition table around it.
//! - [`pack`]: one program and the small tree around it, as a disk.
//!
//! Every byte that is read here may come from a stranger: no input panics, and lengths are believed only after they
//! were compared with the length of the file.
#![forbid(unsafe_code)]

pub mod disk;
pub mod elf;
pub mod pack;
mod read_at;
pub mod rofs;

pub use disk::Disk;
pub use elf::ElfInfo;
pub use pack::{PackError, Program, pack_elf};
pub use read_at::ReadAt;
