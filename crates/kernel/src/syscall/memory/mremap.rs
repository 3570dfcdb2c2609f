//! `mremap(2)`.

use crate::{
    errno::{Errno, Result},
    mm::space::{self, Remap},
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Resizes a mapping, moving it if that is allowed and needed.
pub(super) fn mremap(args: &Args) -> Result<usize> {
    let flags = args.uint(3);
    if flags & !(raw::MREMAP_MAYMOVE | raw::MREMAP_FIXED | raw::MREMAP_DONTUNMAP) != 0 {
        return Err(Errno::EINVAL);
    }
    let wanted = Remap {
        old: args.0[0],
        old_len: args.0[1],
        new_len: args.0[2],
        may_move: flags & raw::MREMAP_MAYMOVE != 0,
        target: (flags & raw::MREMAP_FIXED != 0).then_some(args.0[4]),
        keep_old: (flags & raw::MREMAP_DONTUNMAP != 0).then_some(args.0[4]),
    };
    space::remap(wanted).map(|address| address as usize)
}
