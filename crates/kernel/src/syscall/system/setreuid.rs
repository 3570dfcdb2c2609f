//! `setreuid`, `setregid`.

use super::common::credentials;
use crate::{errno::Result, syscall::Args};

pub(super) fn setreuid(args: &Args) -> Result<usize> {
    let mut credentials = credentials().lock();
    let privileged = credentials.privileged();
    credentials
        .user
        .set_two(args.uint(0), args.uint(1), privileged)
        .map(|()| 0)
}

pub(super) fn setregid(args: &Args) -> Result<usize> {
    let mut credentials = credentials().lock();
    let privileged = credentials.privileged();
    credentials
        .group
        .set_two(args.uint(0), args.uint(1), privileged)
        .map(|()| 0)
}
