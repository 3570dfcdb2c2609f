//! `sethostname`.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

pub(super) fn sethostname(_: &Args) -> Result<usize> {
    Err(Errno::EPERM)
}
