//! A descriptor of the process itself, `pidfd_open(2)`: it never becomes readable, as nobody is left to read when the process has ended.

use super::anonymous_stat;
use crate::{
    errno::Result,
    file::{File, Poll, Stat},
    wait::WaitQueue,
};
use core::any::Any;

/// The process, or one of its threads (`PIDFD_THREAD`).
#[derive(Debug)]
pub struct PidFd {
    /// Number of the thread that signals go to; `None` for the process.
    pub thread: Option<i32>,
    /// Watched by `poll(2)` and `epoll_ctl(2)`, in vain.
    pub never: WaitQueue,
}

impl File for PidFd {
    fn poll(&self) -> Poll {
        Poll::empty()
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.never)
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
