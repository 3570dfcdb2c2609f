//! `wait(2)` and its family: there is never a child.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
};
use linux_raw_sys::general as raw;

/// Flags that both calls know and that are not in their man page's main list (`clone(2)`).
const CLONE_KINDS: u32 = raw::__WNOTHREAD | raw::__WCLONE | raw::__WALL;

fn no_child(options: u32, known: u32) -> Result<usize> {
    if options & !(known | CLONE_KINDS) != 0 {
        return Err(Errno::EINVAL);
    }
    Err(Errno::ECHILD)
}

/// Answers that there is no child to wait for: `wait4(pid, status, options, rusage)`.
pub(super) fn wait4(args: &Args) -> Result<usize> {
    // No group has that number, as its negative is none (`wait4(2)` says nothing of it; Linux does this).
    if args.int(0) == i32::MIN {
        return Err(Errno::ESRCH);
    }
    no_child(args.uint(2), raw::WNOHANG | raw::WUNTRACED | raw::WCONTINUED)
}

/// Answers that there is no child to wait for: `waitid(idtype, id, info, options)`.
pub(super) fn waitid(args: &Args) -> Result<usize> {
    let (options, events) = (args.uint(3), raw::WEXITED | raw::WSTOPPED | raw::WCONTINUED);
    if options & events == 0 {
        return Err(Errno::EINVAL);
    }
    no_child(options, events | raw::WNOHANG | raw::WNOWAIT)
}
