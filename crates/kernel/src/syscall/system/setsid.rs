//! `setsid`: the process leads its group already, so it is refused as in Linux.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

pub(super) fn setsid(_: &Args) -> Result<usize> {
    Err(Errno::EPERM)
}
