//! `mprotect(2)`.

use crate::{
    errno::{Errno, Result},
    mm::{space, vma::Prot},
    syscall::Args,
};

/// Changes the rights of a range.
pub(super) fn mprotect(args: &Args) -> Result<usize> {
    let prot = Prot::from_bits(args.uint(2)).ok_or(Errno::EINVAL)?;
    space::protect(args.0[0], args.0[1], prot).map(|()| 0)
}
