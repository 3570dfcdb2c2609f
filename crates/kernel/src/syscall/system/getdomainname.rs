//! `setdomainname`.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

pub(super) fn setdomainname(_: &Args) -> Result<usize> {
    Err(Errno::EPERM)
}
