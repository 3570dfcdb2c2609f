//! `mincore(2)`.

use crate::{
    errno::Result,
    mm::{PAGE_SIZE, space},
    syscall::Args,
    user::UserSlice,
};

/// Says which pages of a range are present.
pub(super) fn mincore(args: &Args) -> Result<usize> {
    let (start, len) = (args.0[0], args.0[1]);
    space::check_mapped(start, len)?;
    let pages = args.size(1).div_ceil(PAGE_SIZE);
    let vector = UserSlice::new(args.0[2], pages).bytes_mut()?;
    for (page, byte) in vector.iter_mut().enumerate() {
        *byte = u8::from(crate::mm::dma::translate(start + (page * PAGE_SIZE) as u64).is_some());
    }
    Ok(0)
}
