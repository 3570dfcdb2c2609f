//! `exit_group(2)`: the end of the program.

use crate::{errno::Result, sched, syscall::Args};
use uigniter_abi::exit::ExitStatus;

/// Ends the program and with it the VM.
pub(super) fn exit_group(args: &Args) -> Result<usize> {
    sched::exit_process(ExitStatus::Exited(args.uint(0) as u8))
}
