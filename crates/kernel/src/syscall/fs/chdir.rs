//! `chdir(2)`: `chdir`, `fchdir`.

use super::common::{CWD, at};
use crate::{
    errno::{Errno, Result},
    fs::{self, Asker, NodeFile, SEARCH},
    process::open_file,
    syscall::Args,
    user,
};

/// `chdir(const char *path)`
pub(super) fn chdir(args: &Args) -> Result<usize> {
    let path = user::path(args.0[0])?;
    fs::set_cwd_node(at(CWD, &path)?.directory()?).map(|()| 0)
}

/// `fchdir(int fd)`
pub(super) fn fchdir(args: &Args) -> Result<usize> {
    let open = open_file(args.int(0))?;
    let file = NodeFile::of(&open).ok_or(Errno::ENOTDIR)?;
    if file.node.is_directory() {
        Asker::current().may(&file.node, SEARCH)?;
    }
    fs::set_cwd_node(file.node.clone()).map(|()| 0)
}
