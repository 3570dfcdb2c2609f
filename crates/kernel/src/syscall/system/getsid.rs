//! `getsid`.

use super::common::check_process;
use crate::{errno::Result, process::PID, syscall::Args};

pub(super) fn getsid(args: &Args) -> Result<usize> {
    check_process(args.int(0))?;
    Ok(PID as usize)
}
