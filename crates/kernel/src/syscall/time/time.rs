//! `time`. Programs usually come by the vDSO instead ([`crate::vdso`]).

use super::common::SECOND;
use crate::{errno::Result, syscall::Args};

pub(super) fn time(args: &Args) -> Result<usize> {
    let seconds = crate::time::realtime() / SECOND;
    args.ptr::<i64>(0).write_if_some(seconds as i64)?;
    Ok(seconds as usize)
}
