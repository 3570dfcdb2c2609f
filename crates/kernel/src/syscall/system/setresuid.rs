//! `setresuid`, `setresgid`.

use super::common::credentials;
use crate::{errno::Result, syscall::Args};

pub(super) fn setresuid(args: &Args) -> Result<usize> {
    let mut credentials = credentials().lock();
    let privileged = credentials.privileged();
    credentials
        .user
        .set_all([0, 1, 2].map(|index| args.uint(index)), privileged)
        .map(|()| 0)
}

pub(super) fn setresgid(args: &Args) -> Result<usize> {
    let mut credentials = credentials().lock();
    let privileged = credentials.privileged();
    credentials
        .group
        .set_all([0, 1, 2].map(|index| args.uint(index)), privileged)
        .map(|()| 0)
}
