//! `mprotect(2)`.

use crate::{
    errno::{Errno, Result},
    mm::{space, vma::Prot},
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Changes the rights of a range; with `PROT_GROWSDOWN`, from the start of the growing area on.
pub(super) fn mprotect(args: &Args) -> Result<usize> {
    let (start, len, rights) = (args.0[0], args.0[1], args.uint(2));
    let grows = rights & (raw::PROT_GROWSDOWN | raw::PROT_GROWSUP);
    // Linux ignores the bit of PROT_SEM.
    let prot = Prot::from_bits(rights & !grows & !raw::PROT_SEM).ok_or(Errno::EINVAL)?;
    let start = match grows {
        0 => start,
        raw::PROT_GROWSDOWN => space::growing_start(start)?,
        // There are no areas that grow up on x86.
        _ => return Err(Errno::EINVAL),
    };
    space::protect(start, len + (args.0[0] - start), prot).map(|()| 0)
}

/// The same with a protection key: -1 stands for none, and there is no other.
pub(super) fn pkey_mprotect(args: &Args) -> Result<usize> {
    if args.int(3) != -1 {
        return Err(Errno::EINVAL);
    }
    mprotect(args)
}
