//! `sigaltstack`.

use super::common::stack_pointer;
use crate::{
    errno::Result,
    sched,
    signal::{frame::StackT, set_stack},
    syscall::Args,
};

pub(super) fn sigaltstack(args: &Args) -> Result<usize> {
    let thread = sched::current();
    let sp = stack_pointer();
    let before = StackT::new(thread.signals.alt_stack(), sp);
    if let Some(new) = args.ptr::<StackT>(0).non_null() {
        set_stack(&thread.signals, &new.read()?, sp)?;
    }
    args.ptr::<StackT>(1).write_if_some(before)?;
    Ok(0)
}
