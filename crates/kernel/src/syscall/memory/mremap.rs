//! `mremap(2)`.

use crate::{
    errno::{Errno, Result},
    mm::space,
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Resizes a mapping, moving it if that is allowed and needed.
pub(super) fn mremap(args: &Args) -> Result<usize> {
    let flags = args.uint(3);
    if flags & !(raw::MREMAP_MAYMOVE | raw::MREMAP_FIXED) != 0 {
        return Err(Errno::EINVAL);
    }
    let may_move = flags & raw::MREMAP_MAYMOVE != 0;
    let target = (flags & raw::MREMAP_FIXED != 0).then_some(args.0[4]);
    if target.is_some() && !may_move {
        return Err(Errno::EINVAL);
    }
    space::remap(args.0[0], args.0[1], args.0[2], may_move, target).map(|address| address as usize)
}
