//! `mincore(2)`.

use crate::{errno::Result, mm::space, syscall::Args, user::UserSlice};

/// Says which pages of a range are in memory.
pub(super) fn mincore(args: &Args) -> Result<usize> {
    let pages = space::present(args.0[0], args.0[1])?;
    UserSlice::new(args.0[2], pages.len())
        .bytes_mut()?
        .copy_from_slice(&pages);
    Ok(0)
}
