//! `poll`, `ppoll`.

use super::common::{Timeout, with_mask};
use crate::{
    errno::{Errno, Result},
    event::widen,
    file::OpenFile,
    process, sched,
    syscall::{Args, time::common::timespec},
    user::UserPtr,
    wait::{Interrupted, WaitQueue, wait_until},
};
use alloc::{sync::Arc, vec::Vec};
use linux_raw_sys::general::{__kernel_timespec, POLLERR, POLLHUP, POLLNVAL, RLIMIT_NOFILE, pollfd};

pub(super) fn poll(args: &Args) -> Result<usize> {
    poll_until(*args, Timeout::from_millis(args.int(2)))
}

/// Interrupted, it goes on with what is left of the time.
fn poll_until(args: Args, timeout: Timeout) -> Result<usize> {
    let result = wait(&args, timeout);
    if result != Err(Errno::ERESTARTNOHAND) {
        return result;
    }
    sched::current().resume_with(move || poll_until(args, timeout));
    Err(Errno::ERESTART_RESTARTBLOCK)
}

pub(super) fn ppoll(args: &Args) -> Result<usize> {
    let pointer = args.ptr::<__kernel_timespec>(2);
    let timeout = Timeout::from_timespec(pointer)?;
    let result = with_mask(args.ptr(3), args.size(4), || wait(args, timeout));
    // Linux tells how much was left, for the sake of the restart; libraries hide it.
    if let (Some(pointer), Some(left)) = (pointer.non_null(), timeout.remaining()) {
        let _ = pointer.write(timespec(left));
    }
    result
}

fn wait(args: &Args, timeout: Timeout) -> Result<usize> {
    let (list, count) = (args.ptr::<pollfd>(0), args.uint(1) as usize);
    if count as u64 > process::process().limits.lock()[RLIMIT_NOFILE as usize].rlim_cur {
        return Err(Errno::EINVAL);
    }
    // Often something is ready, or nobody wants to wait: then nothing has to be remembered.
    let ready = scan(list, count, |fd| process::open_file(fd).ok())?;
    if ready > 0 || timeout == Timeout::None {
        return Ok(ready);
    }
    let files: Vec<Option<Arc<OpenFile>>> = (0..count)
        .map(|index| Ok(process::open_file(list.at(index).read()?.fd).ok()))
        .collect::<Result<_>>()?;
    let queues: Vec<&WaitQueue> = files
        .iter()
        .flatten()
        .filter_map(|open| open.file.queue())
        .collect();
    let look = || {
        let mut files = files.iter();
        match scan(list, count, |_| files.next().cloned().flatten()) {
            Ok(0) => None,
            done => Some(done),
        }
    };
    match wait_until(&queues, timeout.deadline(), look) {
        Ok(result) => result,
        Err(Interrupted::TimedOut) => Ok(0),
        Err(Interrupted::Signal) => Err(Errno::ERESTARTNOHAND),
    }
}

/// Fills in all `revents`; gives how many are not 0. `file` is asked once for each entry, in order.
fn scan(
    list: UserPtr<pollfd>,
    count: usize,
    mut file: impl FnMut(i32) -> Option<Arc<OpenFile>>,
) -> Result<usize> {
    let mut ready = 0;
    for index in 0..count {
        let mut entry = list.at(index).read()?;
        let open = file(entry.fd);
        let wanted = u32::from(entry.events as u16) | POLLERR | POLLHUP;
        let bits = match open {
            _ if entry.fd < 0 => 0,
            None => POLLNVAL,
            Some(open) => widen(open.file.poll()) & wanted,
        };
        entry.revents = bits as i16;
        list.at(index).write(entry)?;
        ready += usize::from(bits != 0);
    }
    Ok(ready)
}
