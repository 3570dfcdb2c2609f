//! A descriptor of the process itself, `pidfd_open(2)`: it never becomes readable, as nobody is left to read when the process has ended.

use super::anonymous_stat;
use crate::{
    errno::Result,
    file::{File, Poll, Stat},
};
use core::any::Any;

/// The process, or one of its threads (`PIDFD_THREAD`).
#[derive(Clone, Copy, Debug)]
pub struct PidFd {
    /// Number of the thread that signals go to; `None` for the process.
    pub thread: Option<i32>,
}

impl File for PidFd {
    fn poll(&self) -> Poll {
        Poll::empty()
    }

    fn stat(&self) -> Result<Stat> {
        Ok(anonymous_stat())
    }

    fn label(&self) -> &'static str {
        "[pidfd]"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
