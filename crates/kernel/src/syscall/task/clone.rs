//! `clone(2)` and `clone3(2)`: new threads.

use crate::{
    errno::{Errno, Result},
    syscall::Args,
    user::{Plain, UserPtr},
};
use linux_raw_sys::general as raw;

/// What a thread shares with its creator, at the least: threads that share less would be a second process.
const THREAD: u64 = (raw::CLONE_VM | raw::CLONE_SIGHAND | raw::CLONE_THREAD) as u64;

/// The part of both calls' arguments that threads need.
struct Request {
    flags: u64,
    /// One past the highest byte of the stack; 0 for the creator's own, which only `vfork(2)` could use.
    stack_top: u64,
    parent_tid: UserPtr<i32>,
    child_tid: UserPtr<i32>,
    tls: u64,
}

/// Makes a thread: `clone(flags, stack, parent_tid, child_tid, tls)`, in the order that x86-64 has.
pub(super) fn clone(args: &Args) -> Result<usize> {
    create(&Request {
        // The low byte is the exit signal.
        flags: args.0[0] & !0xff,
        stack_top: args.0[1],
        parent_tid: args.ptr(2),
        child_tid: args.ptr(3),
        tls: args.0[4],
    })
}

/// `struct clone_args` as far as it is looked at: flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls.
#[derive(Clone, Copy)]
#[repr(C)]
struct CloneArgs([u64; 8]);

// SAFETY: an array of integers.
unsafe impl Plain for CloneArgs {}

/// Makes a thread: `clone3(args, size)`.
pub(super) fn clone3(args: &Args) -> Result<usize> {
    if args.size(1) < size_of::<CloneArgs>() {
        return Err(Errno::EINVAL);
    }
    let CloneArgs(
        [
            flags,
            _pidfd,
            child_tid,
            parent_tid,
            exit_signal,
            stack,
            stack_size,
            tls,
        ],
    ) = args.ptr(0).read()?;
    if flags & THREAD == THREAD && exit_signal != 0 || (stack == 0) != (stack_size == 0) {
        return Err(Errno::EINVAL);
    }
    create(&Request {
        flags,
        stack_top: stack.wrapping_add(stack_size),
        parent_tid: UserPtr::new(parent_tid),
        child_tid: UserPtr::new(child_tid),
        tls,
    })
}

#[cfg(feature = "elf")]
fn create(request: &Request) -> Result<usize> {
    use crate::{
        arch::{cpu, trap},
        sched,
    };
    use core::sync::atomic::Ordering;

    let has = |flag: u32| request.flags & u64::from(flag) != 0;
    let needs = |flag, other| has(flag) && !has(other);
    if needs(raw::CLONE_THREAD, raw::CLONE_SIGHAND) || needs(raw::CLONE_SIGHAND, raw::CLONE_VM) {
        return Err(Errno::EINVAL);
    }
    if request.flags & THREAD != THREAD {
        return super::fork::refuse("a second process (fork, vfork, posix_spawn)");
    }
    if request.stack_top == 0 || has(raw::CLONE_SETTLS) && request.tls >> 47 != 0 {
        return Err(Errno::EINVAL);
    }
    let mut frame = trap::with_frame(|frame| *frame);
    frame.rax = 0;
    frame.orig_rax = -1;
    frame.rsp = request.stack_top;
    let fs_base = if has(raw::CLONE_SETTLS) {
        request.tls
    } else {
        cpu::fs_base()
    };
    if has(raw::CLONE_PARENT_SETTID) {
        // Before the thread is, so that a bad address is the creator's error alone.
        crate::user::UserSlice::new(request.parent_tid.address(), 4).bytes_mut()?;
    }
    let creator = sched::current();
    let thread = sched::spawn(&frame, fs_base, creator.signals.inherit(), |thread| {
        if has(raw::CLONE_CHILD_CLEARTID) {
            thread
                .clear_child_tid
                .store(request.child_tid.address(), Ordering::Relaxed);
        }
        let name = creator.name.lock().clone();
        *thread.name.lock() = name;
        // Before the thread can run: it may look at once. A bad address of the child's is nobody's error (`clone(2)`), the parent's was checked above.
        if has(raw::CLONE_PARENT_SETTID) {
            let _ = request.parent_tid.write(thread.tid);
        }
        if has(raw::CLONE_CHILD_SETTID) {
            let _ = request.child_tid.write(thread.tid);
        }
    })
    .ok_or(Errno::EAGAIN)?;
    Ok(thread.tid as usize)
}

#[cfg(not(feature = "elf"))]
fn create(request: &Request) -> Result<usize> {
    let Request {
        flags,
        stack_top,
        parent_tid,
        child_tid,
        tls,
    } = request;
    let _ = (flags, stack_top, parent_tid, child_tid, tls);
    Err(Errno::EAGAIN)
}
