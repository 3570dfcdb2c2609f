//! An event counter, `eventfd(2)`.

use super::anonymous_stat;
use crate::{
    errno::{Errno, Result},
    file::{File, Poll, Stat},
    sync::Lock,
    wait::WaitQueue,
};
use alloc::{format, string::String, sync::Arc};
use core::any::Any;

/// A 64-bit counter that is added to by writing and taken from by reading.
#[derive(Debug)]
pub struct EventFd {
    counter: Lock<u64>,
    semaphore: bool,
    queue: WaitQueue,
}

/// The counter never gets beyond this (`eventfd(2)`).
const MAX: u64 = u64::MAX - 1;

impl EventFd {
    /// A counter that starts at `initial`; a semaphore gives 1 per read, others give all.
    #[must_use]
    pub fn new(initial: u32, semaphore: bool) -> Arc<Self> {
        Arc::new(Self {
            counter: Lock::new(u64::from(initial)),
            semaphore,
            queue: WaitQueue::new(),
        })
    }
}

impl File for EventFd {
    fn read(&self, _: u64, buffer: &mut [u8]) -> Result<usize> {
        let target = buffer.first_chunk_mut::<8>().ok_or(Errno::EINVAL)?;
        let value = {
            let mut counter = self.counter.lock();
            let value = match *counter {
                0 => return Err(Errno::EAGAIN),
                _ if self.semaphore => 1,
                all => all,
            };
            *counter -= value;
            value
        };
        *target = value.to_ne_bytes();
        self.queue.wake_all();
        Ok(8)
    }

    fn write(&self, _: u64, buffer: &[u8]) -> Result<usize> {
        let value = u64::from_ne_bytes(*buffer.first_chunk::<8>().ok_or(Errno::EINVAL)?);
        if value == u64::MAX {
            return Err(Errno::EINVAL);
        }
        {
            let mut counter = self.counter.lock();
            if MAX - *counter < value {
                return Err(Errno::EAGAIN);
            }
            *counter += value;
        }
        // Also for a value of 0: Linux wakes as well, and an edge-triggered watcher is told.
        self.queue.wake_all();
        Ok(8)
    }

    fn poll(&self) -> Poll {
        let counter = *self.counter.lock();
        let mut ready = Poll::empty();
        ready.set(Poll::IN, counter > 0);
        ready.set(Poll::OUT, counter < MAX);
        ready
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ignores_seeks(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Ok(anonymous_stat())
    }

    fn details(&self) -> String {
        format!("eventfd-count: {:16x}\n", *self.counter.lock())
    }

    fn label(&self) -> &'static str {
        "[eventfd]"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::testing::Counter;

    fn read(file: &EventFd) -> Result<u64> {
        let mut buffer = [0; 8];
        file.read(0, &mut buffer).map(|_| u64::from_ne_bytes(buffer))
    }

    #[test]
    fn counts_and_empties() {
        let file = EventFd::new(3, false);
        assert_eq!(file.write(0, &4u64.to_ne_bytes()), Ok(8));
        assert_eq!(read(&file), Ok(7));
        assert_eq!(read(&file), Err(Errno::EAGAIN));
        assert_eq!(file.poll(), Poll::OUT);
    }

    #[test]
    fn semaphore_gives_one_at_a_time() {
        let file = EventFd::new(2, true);
        assert_eq!(
            (read(&file), read(&file), read(&file)),
            (Ok(1), Ok(1), Err(Errno::EAGAIN))
        );
    }

    #[test]
    fn full_counter_refuses_and_reading_makes_room() {
        let file = EventFd::new(0, false);
        assert_eq!(file.write(0, &MAX.to_ne_bytes()), Ok(8));
        assert_eq!(file.poll(), Poll::IN);
        assert_eq!(file.write(0, &1u64.to_ne_bytes()), Err(Errno::EAGAIN));
        assert_eq!(file.write(0, &u64::MAX.to_ne_bytes()), Err(Errno::EINVAL));
        let (woken, waiter) = Counter::new();
        file.queue.add(&waiter);
        assert_eq!(read(&file), Ok(MAX));
        assert_eq!((woken.count(), file.poll()), (1, Poll::OUT));
    }

    #[test]
    fn short_buffers_are_refused() {
        let file = EventFd::new(1, false);
        assert_eq!(file.read(0, &mut [0; 7]), Err(Errno::EINVAL));
        assert_eq!(file.write(0, &[0; 7]), Err(Errno::EINVAL));
    }
}
