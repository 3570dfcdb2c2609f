//! `getcwd(2)`.

use crate::{
    errno::{Errno, Result},
    fs,
    syscall::Args,
    user::{PATH_MAX, names},
};

/// `getcwd(char *buf, size_t size)`: the length with the NUL.
pub(super) fn getcwd(args: &Args) -> Result<usize> {
    let path = fs::absolute(&fs::cwd()?)?;
    let path = names::to_bytes(&path);
    let len = path.len() + 1;
    if len > PATH_MAX {
        return Err(Errno::ENAMETOOLONG);
    }
    let buffer = args.slice(0);
    if buffer.len() < len {
        return Err(Errno::ERANGE);
    }
    let bytes = buffer.take(len).bytes_mut()?;
    bytes[..path.len()].copy_from_slice(&path);
    bytes[path.len()] = 0;
    Ok(len)
}
