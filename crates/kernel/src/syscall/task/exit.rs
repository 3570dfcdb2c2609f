//! `_exit(2)` of one thread (the system call `exit`).

use super::futex;
use crate::{errno::Result, sched, syscall::Args, user::UserPtr};
use core::sync::atomic::Ordering;

/// Ends the calling thread: gives its robust mutexes back, clears the thread number that `pthread_join(3)` waits for, and never returns.
pub(super) fn exit(args: &Args) -> Result<usize> {
    let me = sched::current();
    futex::release(me.robust_list.load(Ordering::Relaxed), me.tid);
    if let Some(address) = UserPtr::<i32>::new(me.clear_child_tid.load(Ordering::Relaxed)).non_null()
        && address.write(0).is_ok()
    {
        futex::wake(address.address(), 1, u32::MAX);
    }
    drop(me);
    sched::exit_thread(args.int(0))
}
