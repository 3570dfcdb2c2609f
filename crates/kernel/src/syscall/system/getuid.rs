//! `getuid`, `geteuid`, `getgid`, `getegid`.

use super::common::credentials;
use crate::{errno::Result, syscall::Args};

pub(super) fn getuid(_: &Args) -> Result<usize> {
    Ok(credentials().lock().user.real as usize)
}

pub(super) fn geteuid(_: &Args) -> Result<usize> {
    Ok(credentials().lock().user.effective as usize)
}

pub(super) fn getgid(_: &Args) -> Result<usize> {
    Ok(credentials().lock().group.real as usize)
}

pub(super) fn getegid(_: &Args) -> Result<usize> {
    Ok(credentials().lock().group.effective as usize)
}
