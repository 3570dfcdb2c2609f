//! Timers that are read, `timerfd_create(2)`.
//!
//! As in Linux, an interval timer that nobody reads costs nothing: after the first expiration it is armed again only by the read (or `timerfd_gettime`) that
//! also counts the periods that went by meanwhile.

use super::{
    anonymous_stat,
    schedule::{Schedule, Setting},
};
use crate::{
    errno::{Errno, Result},
    file::{File, Poll, Stat},
    sync::{Lock, rank},
    time::{self, Instant, TimerId},
    wait::{WaitQueue, Wake},
};
use alloc::sync::{Arc, Weak};
use core::any::Any;

#[derive(Default)]
struct State {
    /// Expirations counted and not read.
    ticks: u64,
    schedule: Schedule,
    armed: Option<TimerId>,
}

/// A timer with a file descriptor.
pub struct TimerFd {
    this: Weak<Self>,
    state: Lock<State, rank::Alarm>,
    queue: WaitQueue,
    /// True for clocks that count from the epoch.
    pub realtime: bool,
}

impl core::fmt::Debug for TimerFd {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("TimerFd")
    }
}

impl TimerFd {
    /// A disarmed timer.
    #[must_use]
    pub fn new(realtime: bool) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            state: Lock::new(State::default()),
            queue: WaitQueue::new(),
            realtime,
        })
    }

    /// Arms the timer for `first` and every `interval` nanoseconds after it (0: once); `None` disarms. Gives the setting before.
    pub fn set(&self, first: Option<Instant>, interval: u64) -> Setting {
        let before = self.get();
        {
            let mut state = self.state.lock();
            if let Some(id) = state.armed.take() {
                time::cancel(id);
            }
            *state = State {
                schedule: Schedule {
                    next: first,
                    interval,
                },
                ..State::default()
            };
            self.arm(&mut state);
        }
        if self.poll().contains(Poll::IN) {
            self.queue.wake_all();
        }
        before
    }

    /// The setting now.
    pub fn get(&self) -> Setting {
        let mut state = self.state.lock();
        let now = time::now();
        state.ticks += state.schedule.catch_up(now);
        self.arm(&mut state);
        state.schedule.setting(now)
    }

    /// Arms the clock for an expiration that is still to come; one that is past shows in [`poll`](File::poll) already.
    fn arm(&self, state: &mut State) {
        let Some(next) = state
            .schedule
            .next
            .filter(|&next| state.armed.is_none() && next > time::now())
        else {
            return;
        };
        if let Some(this) = self.this.upgrade() {
            state.armed = Some(time::arm(next, &(this as Arc<dyn Wake>)));
        }
    }
}

impl Wake for TimerFd {
    fn wake(&self) {
        {
            let mut state = self.state.lock();
            state.armed = None;
            // A read may have counted this expiration before the interrupt came.
            self.arm(&mut state);
        }
        self.queue.wake_all();
    }
}

impl File for TimerFd {
    fn read(&self, _: u64, buffer: &mut [u8]) -> Result<usize> {
        let target = buffer.first_chunk_mut::<8>().ok_or(Errno::EINVAL)?;
        let mut state = self.state.lock();
        state.ticks += state.schedule.catch_up(time::now());
        self.arm(&mut state);
        if state.ticks == 0 {
            return Err(Errno::EAGAIN);
        }
        *target = core::mem::take(&mut state.ticks).to_ne_bytes();
        Ok(8)
    }

    fn poll(&self) -> Poll {
        let state = self.state.lock();
        let expired = state.ticks > 0 || state.schedule.next.is_some_and(|next| next <= time::now());
        if expired { Poll::IN } else { Poll::empty() }
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

    fn release(&self) {
        if let Some(id) = self.state.lock().armed.take() {
            time::cancel(id);
        }
    }

    fn label(&self) -> &'static str {
        "[timerfd]"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_past_deadline_is_readable_at_once_and_disarming_forgets_it() {
        let file = TimerFd::new(false);
        assert_eq!(file.read(0, &mut [0; 8]), Err(Errno::EAGAIN));
        file.set(Some(time::now()), 0);
        assert_eq!(file.poll(), Poll::IN, "without waiting for an interrupt");
        assert_eq!(file.read(0, &mut [0; 4]), Err(Errno::EINVAL));
        let mut buffer = [0; 8];
        assert_eq!(
            (file.read(0, &mut buffer), u64::from_ne_bytes(buffer)),
            (Ok(8), 1)
        );
        assert_eq!(file.read(0, &mut buffer), Err(Errno::EAGAIN));
        file.set(Some(time::now()), 0);
        file.set(None, 0);
        assert_eq!((file.poll(), file.get()), (Poll::empty(), Setting::default()));
    }

    #[test]
    fn the_time_left_is_shown() {
        let file = TimerFd::new(false);
        let hour = 3_600_000_000_000;
        file.set(Some(Instant(time::now().0 + hour)), 5);
        let setting = file.get();
        assert!(
            setting.remaining > hour / 2 && setting.remaining <= hour,
            "{setting:?}"
        );
        assert_eq!(setting.interval, 5);
    }
}
