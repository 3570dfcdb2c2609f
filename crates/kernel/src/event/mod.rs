//! Files that exist for the sake of events: epoll instances, event counters, timers, pipes, signal descriptors.
//!
//! | module | is |
//! |---|---|
//! | [`epoll`] | interest lists and ready lists (`epoll(7)`) |
//! | [`eventfd`] | a counter (`eventfd(2)`) |
//! | [`timerfd`] | a timer (`timerfd_create(2)`) |
//! | [`schedule`] | when interval timers expire |
//! | [`pidfd`] | the process itself (`pidfd_open(2)`) |
//! | [`mqueue`] | messages by priority (`mq_overview(7)`) |
//! | [`pipe`] | bytes from one end to the other (`pipe(7)`) |
//! | [`signalfd`] | pending signals to be read (`signalfd(2)`) |
//!
//! All are [`File`](crate::file::File)s: they never block, and say by their [`WaitQueue`](crate::wait::WaitQueue) when to look again. The system calls that make
//! and wait for them are in [`syscall::event`](crate::syscall::event).

use crate::file::{Poll, Stat};
use linux_raw_sys::general as raw;

pub mod epoll;
pub mod eventfd;
pub mod mqueue;
pub mod pidfd;
pub mod pipe;
pub mod schedule;
pub mod signalfd;
pub mod timerfd;

/// Attributes of a file that has no name (`anon_inode` in Linux): one nameless regular-looking inode for all of them.
pub(crate) fn anonymous_stat() -> Stat {
    Stat {
        dev: 15,
        ino: 1,
        mode: 0o600,
        nlink: 1,
        ..Stat::default()
    }
}

/// Adds the "normal data" bits that Linux reports beside `POLLIN` and `POLLOUT` (`poll(2)`: they are equivalent).
#[must_use]
pub const fn widen(ready: Poll) -> u32 {
    let mut bits = ready.bits();
    if bits & raw::EPOLLIN != 0 {
        bits |= raw::EPOLLRDNORM;
    }
    if bits & raw::EPOLLOUT != 0 {
        bits |= raw::EPOLLWRNORM;
    }
    bits
}

#[cfg(test)]
pub(crate) mod testing {
    //! What the tests of this folder share.

    use crate::wait::Wake;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    /// Counts how often it was woken.
    #[derive(Debug, Default)]
    pub(crate) struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Counter {
        pub(crate) fn new() -> (Arc<Self>, Arc<dyn Wake>) {
            let counter = Arc::new(Self::default());
            (counter.clone(), counter)
        }

        pub(crate) fn count(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }
}
