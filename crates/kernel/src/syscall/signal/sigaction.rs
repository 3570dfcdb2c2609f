//! `rt_sigaction`.

use super::common::{check_signal, check_size};
use crate::{
    errno::{Errno, Result},
    signal::{
        action::{self, Action},
        info::{UNSTOPPABLE, bit},
        set_action,
    },
    syscall::Args,
};

pub(super) fn rt_sigaction(args: &Args) -> Result<usize> {
    check_size(args.size(3))?;
    let new = args
        .ptr::<Action>(1)
        .non_null()
        .map(|new| new.read())
        .transpose()?;
    let signal = check_signal(args.int(0))?;
    if signal == 0 || (new.is_some() && bit(signal) & UNSTOPPABLE != 0) {
        return Err(Errno::EINVAL);
    }
    let before = match new {
        Some(new) => set_action(signal, new)?,
        None => action::get(signal),
    };
    args.ptr::<Action>(2).write_if_some(before)?;
    Ok(0)
}
