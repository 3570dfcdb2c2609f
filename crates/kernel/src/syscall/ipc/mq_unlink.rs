//! `mq_unlink(3)`.

use super::common::name;
use crate::{errno::Result, event::mqueue, syscall::Args};

/// Takes a queue's name away.
pub(super) fn mq_unlink(args: &Args) -> Result<usize> {
    mqueue::unlink(&name(args.0[0])?).map(|()| 0)
}
