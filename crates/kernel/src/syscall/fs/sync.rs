//! `sync(2)`: `sync`, `syncfs`.

use crate::{
    errno::Result,
    fs::{self, NodeFile},
    process::open_file,
    syscall::Args,
};

/// `sync(void)`
pub(super) fn sync(_args: &Args) -> Result<usize> {
    fs::sync_all();
    Ok(0)
}

/// `syncfs(int fd)`
pub(super) fn syncfs(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    let synced = NodeFile::of(&open).map_or(Ok(()), |file| file.node.fs.sync());
    synced.map(|()| 0)
}
