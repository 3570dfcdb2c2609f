//! `setuid`, `setgid`.

use super::common::credentials;
use crate::{errno::Result, syscall::Args};

pub(super) fn setuid(args: &Args) -> Result<usize> {
    let mut credentials = credentials().lock();
    let privileged = credentials.privileged();
    credentials.user.set(args.uint(0), privileged).map(|()| 0)
}

pub(super) fn setgid(args: &Args) -> Result<usize> {
    let mut credentials = credentials().lock();
    let privileged = credentials.privileged();
    credentials.group.set(args.uint(0), privileged).map(|()| 0)
}
