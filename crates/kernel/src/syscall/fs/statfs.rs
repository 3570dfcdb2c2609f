//! `statfs(2)`: `statfs`, `fstatfs`.

use super::common::{CWD, at};
use crate::{
    errno::Result,
    fs::{self, NodeFile},
    process::open_file,
    syscall::Args,
    user::{self, Plain, UserPtr},
};
use linux_raw_sys::general::statfs as Statfs;

/// The structure as it goes to the program.
#[repr(transparent)]
#[derive(Clone, Copy)]
struct Wire(Statfs);

// SAFETY: integers of eight bytes, and one pair of four; no padding.
unsafe impl Plain for Wire {}

fn write(address: u64, statfs: Statfs) -> Result<usize> {
    UserPtr::new(address).write(Wire(statfs)).map(|()| 0)
}

/// `statfs(const char *path, struct statfs *buf)`
pub(super) fn statfs(args: &Args) -> Result<usize> {
    let path = user::path(args.0[0])?;
    let node = at(CWD, &path)?.find(true)?.node()?;
    write(args.0[1], node.statfs()?)
}

/// `fstatfs(int fd, struct statfs *buf)`; a file that is in no file system counts as the root's.
pub(super) fn fstatfs(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    let node = match NodeFile::of(&open) {
        Some(file) => file.node.clone(),
        None => fs::at_root("/")?.root,
    };
    write(args.0[1], node.statfs()?)
}
