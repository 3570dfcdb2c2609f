//! `restart_syscall`: what a call that a signal interrupted goes on with, where it must not start anew.

use crate::{
    errno::{Errno, Result},
    sched,
    syscall::Args,
};

/// `restart_syscall(void)`
pub(super) fn restart_syscall(_: &Args) -> Result<usize> {
    match sched::current().take_resume() {
        Some(resume) => resume(),
        None => Err(Errno::EINTR),
    }
}
