//! `pause`.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
    wait::wait_until,
};

pub(super) fn pause(_: &Args) -> Result<usize> {
    let _ = wait_until(&[], None, || None::<()>);
    Err(Errno::ERESTARTNOHAND)
}
