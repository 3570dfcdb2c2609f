//! `rseq`: refused; C libraries fall back to `getcpu`.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};

pub(super) fn rseq(_: &Args) -> Result<usize> {
    Err(Errno::ENOSYS)
}
