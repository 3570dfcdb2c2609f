//! `select`, `pselect6`.

use super::common::{Timeout, with_mask};
use crate::{
    errno::{Errno, Result},
    event::widen,
    file::{MAX_FDS, OpenFile},
    process,
    signal::info::SigSet,
    syscall::{
        Args,
        time::common::{timespec, timeval, timeval_nanoseconds},
    },
    user::{UserPtr, UserSlice},
    wait::{Interrupted, WaitQueue, wait_until},
};
use alloc::{sync::Arc, vec, vec::Vec};
use linux_raw_sys::general::{
    __kernel_old_timeval, __kernel_timespec, EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDNORM,
    EPOLLWRNORM,
};

/// What makes a descriptor readable, writable, exceptional (`select(2)`, "Correspondence between select() and poll() notifications").
const MEANINGS: [u32; 3] = [
    EPOLLRDNORM | EPOLLIN | EPOLLHUP | EPOLLERR,
    EPOLLWRNORM | EPOLLOUT | EPOLLERR,
    EPOLLPRI,
];

pub(super) fn select(args: &Args) -> Result<usize> {
    let pointer = args.ptr::<__kernel_old_timeval>(4).non_null();
    let timeout = match pointer {
        // Linux lets more than a million microseconds pass here.
        Some(pointer) => {
            let mut given = pointer.read()?;
            if given.tv_usec >= 1_000_000 {
                given.tv_sec = given.tv_sec.saturating_add(given.tv_usec / 1_000_000);
                given.tv_usec %= 1_000_000;
            }
            Timeout::from_nanos(timeval_nanoseconds(given)?)
        }
        None => Timeout::Forever,
    };
    let result = wait(args, timeout);
    if let (Some(pointer), Some(left)) = (pointer, timeout.remaining()) {
        let _ = pointer.write(timeval(left));
    }
    result
}

pub(super) fn pselect6(args: &Args) -> Result<usize> {
    let pointer = args.ptr::<__kernel_timespec>(4);
    let timeout = Timeout::from_timespec(pointer)?;
    // The sixth argument points to a pair: the mask and its size.
    let [mask, size] = args
        .ptr::<[u64; 2]>(5)
        .non_null()
        .map_or(Ok([0, 0]), UserPtr::read)?;
    let result = with_mask(UserPtr::<SigSet>::new(mask), size as usize, || {
        wait(args, timeout)
    });
    if let (Some(pointer), Some(left)) = (pointer.non_null(), timeout.remaining()) {
        let _ = pointer.write(timespec(left));
    }
    result
}

/// One of the three sets: what was asked, and the answer.
struct Set {
    address: u64,
    asked: Vec<u8>,
    answer: Vec<u8>,
}

impl Set {
    fn read(address: u64, bytes: usize) -> Result<Self> {
        let asked = match address {
            0 => vec![0; bytes],
            _ => UserSlice::new(address, bytes).bytes()?.to_vec(),
        };
        Ok(Self {
            address,
            answer: vec![0; bytes],
            asked,
        })
    }

    fn asks(&self, fd: usize) -> bool {
        self.asked[fd / 8] & 1 << (fd % 8) != 0
    }

    fn write(&self) -> Result<()> {
        if self.address != 0 {
            UserSlice::new(self.address, self.answer.len())
                .bytes_mut()?
                .copy_from_slice(&self.answer);
        }
        Ok(())
    }
}

fn wait(args: &Args, timeout: Timeout) -> Result<usize> {
    let count = usize::try_from(args.int(0))
        .map_err(|_| Errno::EINVAL)?
        .min(MAX_FDS);
    // Sets are arrays of `unsigned long`.
    let bytes = count.div_ceil(64) * 8;
    let mut sets = [
        Set::read(args.0[1], bytes)?,
        Set::read(args.0[2], bytes)?,
        Set::read(args.0[3], bytes)?,
    ];
    let mut files: Vec<(usize, Arc<OpenFile>)> = Vec::new();
    for fd in (0..count).filter(|&fd| sets.iter().any(|set| set.asks(fd))) {
        files.push((fd, process::open_file(fd as i32)?));
    }
    let queues: Vec<&WaitQueue> = files.iter().filter_map(|(_, open)| open.file.queue()).collect();
    let waited = wait_until(&queues, timeout.deadline(), || match scan(&files, &mut sets) {
        0 => None,
        ready => Some(ready),
    });
    let ready = match waited {
        Ok(ready) => ready,
        Err(Interrupted::TimedOut) => 0,
        Err(Interrupted::Signal) => return Err(Errno::ERESTARTNOHAND),
    };
    for set in &sets {
        set.write()?;
    }
    Ok(ready)
}

/// Fills in the answers; gives how many bits are set.
fn scan(files: &[(usize, Arc<OpenFile>)], sets: &mut [Set; 3]) -> usize {
    let mut ready = 0;
    for (fd, open) in files {
        let bits = widen(open.file.poll());
        for (set, meaning) in sets.iter_mut().zip(MEANINGS) {
            if set.asks(*fd) && bits & meaning != 0 {
                set.answer[fd / 8] |= 1 << (fd % 8);
                ready += 1;
            }
        }
    }
    ready
}
