//! Timers that send signals: `setitimer(2)`, `alarm(2)`, `timer_create(2)`.

use super::{PROCESS, SigInfo, send_process, send_thread};
use crate::{
    errno::{Errno, Result},
    event::schedule::{Schedule, Setting},
    process::process,
    sched::{self, CpuClock, Thread},
    sync::{Lock, rank},
    time::{self, Instant, TimerId},
    wait::Wake,
};
use alloc::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};
use core::time::Duration;
use linux_raw_sys::general as raw;

/// The most timers a process may have; Linux charges them to `RLIMIT_SIGPENDING`.
const MAX_TIMERS: usize = 1024;

/// Periods below this are served together and counted as overruns, so that no program can drown the vCPU in interrupts.
const SHORTEST_PERIOD: Duration = Duration::from_micros(50);

/// What a timer counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timebase {
    /// Time since boot.
    Monotonic,
    /// As [`Monotonic`](Self::Monotonic), but absolute times are of a clock that counts from the epoch.
    Realtime,
    /// CPU time.
    Cpu(CpuClock),
}

impl Timebase {
    /// What it shows. The clock of a thread that has ended has stopped where nothing comes any more.
    #[must_use]
    pub fn now(self) -> Instant {
        match self {
            Self::Monotonic | Self::Realtime => time::now(),
            Self::Cpu(clock) => Instant(clock.now().unwrap_or(0)),
        }
    }

    /// When to look if it has come to `next`; `None` if it never will.
    fn look(self, next: Instant) -> Option<Instant> {
        match self {
            Self::Monotonic | Self::Realtime => Some(next),
            Self::Cpu(clock) => {
                let left = Duration::from_nanos(next.0.saturating_sub(clock.now()?));
                Some(
                    time::now()
                        + if left.is_zero() {
                            left
                        } else {
                            left.max(CpuClock::TICK)
                        },
                )
            }
        }
    }
}

/// What a timer does when it expires.
#[derive(Clone, Debug)]
pub enum Notify {
    /// Nothing (`SIGEV_NONE`).
    Nobody,
    /// A signal to the process (`SIGEV_SIGNAL`).
    Process(SigInfo),
    /// A signal to one thread (`SIGEV_THREAD_ID`).
    Thread(Weak<Thread>, SigInfo),
    /// The process has used the CPU time that it may (`RLIMIT_CPU` in `getrlimit(2)`).
    CpuLimit,
}

#[derive(Default)]
struct State {
    schedule: Schedule,
    armed: Option<TimerId>,
    overrun: u64,
}

/// A timer that sends a signal.
pub struct SignalTimer {
    this: Weak<Self>,
    notify: Notify,
    /// What it counts by.
    pub base: Timebase,
    state: Lock<State, rank::Alarm>,
}

impl core::fmt::Debug for SignalTimer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SignalTimer({:?})", self.notify)
    }
}

impl SignalTimer {
    fn new(notify: Notify, base: Timebase) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            notify,
            base,
            state: Lock::new(State::default()),
        })
    }

    /// Arms the timer for `first` and every `interval` nanoseconds after it (0: once); `None` disarms. Gives the setting before.
    pub fn set(&self, first: Option<Instant>, interval: u64) -> Setting {
        let mut state = self.state.lock();
        let before = state.schedule.setting(self.base.now());
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
        self.arm(&mut state, Instant(0));
        before
    }

    /// The setting now.
    pub fn get(&self) -> Setting {
        let mut state = self.state.lock();
        if matches!(self.notify, Notify::Nobody) {
            state.schedule.catch_up(self.base.now());
        }
        state.schedule.setting(self.base.now())
    }

    /// Expirations that found the signal of an earlier one still waiting (`timer_getoverrun(2)`).
    pub fn overrun(&self) -> i32 {
        i32::try_from(self.state.lock().overrun).unwrap_or(i32::MAX)
    }

    /// Has it looked at when it is due, but not before `soonest`, which leaves the schedule as it is: what it passes by then is counted.
    fn arm(&self, state: &mut State, soonest: Instant) {
        // Nobody hears of it: the schedule alone is enough.
        if matches!(self.notify, Notify::Nobody) {
            return;
        }
        let next = state.schedule.next.map(|next| next.max(soonest));
        let look = next.and_then(|next| self.base.look(next));
        if let (Some(next), Some(this)) = (look, self.this.upgrade()) {
            state.armed = Some(time::arm(next, &(this as Arc<dyn Wake>)));
        }
    }

    /// True if the signal of an earlier expiration has not been taken.
    fn unheard(&self) -> bool {
        let same = |sent: &SigInfo, mine: &SigInfo| sent.code == raw::SI_TIMER && same_timer(sent, mine);
        match &self.notify {
            Notify::Nobody | Notify::CpuLimit => false,
            Notify::Process(info) => PROCESS.any(|sent| same(sent, info)),
            Notify::Thread(thread, info) => thread
                .upgrade()
                .is_some_and(|thread| thread.signals.pending.any(|sent| same(sent, info))),
        }
    }

    fn send(&self, overrun: u64) {
        let with_overrun = |info: &SigInfo| {
            let mut info = *info;
            if info.code == raw::SI_TIMER {
                info.fields[0] |= overrun.min(i32::MAX as u64) << 32;
            }
            info
        };
        // A full queue loses an expiration, as in Linux.
        let _ = match &self.notify {
            Notify::Nobody => Ok(()),
            Notify::CpuLimit => send_process(SigInfo::from_kernel(over_limit() as i32)),
            Notify::Process(info) => send_process(with_overrun(info)),
            Notify::Thread(thread, info) => thread
                .upgrade()
                .map_or(Ok(()), |thread| send_thread(&thread, with_overrun(info))),
        };
    }
}

/// Completes a timer's signal that is taken: by then more expirations may have found it waiting.
pub(super) fn count_overrun(info: &mut SigInfo) {
    if let Ok(timer) = get(info.fields[0] as i32) {
        let overrun = timer.overrun();
        info.fields[0] = info.fields[0] & u64::from(u32::MAX) | (overrun as u64) << 32;
    }
}

/// `si_timerid`, the low half of the first word.
fn same_timer(one: &SigInfo, other: &SigInfo) -> bool {
    one.signo == other.signo && one.fields[0] as u32 == other.fields[0] as u32
}

impl Wake for SignalTimer {
    fn wake(&self) {
        let unheard = self.unheard();
        let overrun = {
            let mut state = self.state.lock();
            state.armed = None;
            let now = self.base.now();
            let periods = state.schedule.catch_up(now);
            self.arm(&mut state, now + SHORTEST_PERIOD);
            if periods == 0 {
                return;
            }
            state.overrun = if unheard {
                state.overrun + periods
            } else {
                periods - 1
            };
            state.overrun
        };
        if !unheard {
            self.send(overrun);
        }
    }
}

/// `ITIMER_REAL`, which `alarm(2)` shares, `ITIMER_VIRTUAL`, `ITIMER_PROF`, by their numbers; and the limit of CPU time.
static INTERVALS: Lock<[Option<Arc<SignalTimer>>; 4]> = Lock::new([const { None }; 4]);
const CPU_LIMIT: usize = 3;

fn interval_timer(index: usize) -> Option<Arc<SignalTimer>> {
    let send = |signal: u32| Notify::Process(SigInfo::from_kernel(signal as i32));
    let process = Timebase::Cpu(CpuClock::Process);
    let (notify, base) = match index as u32 {
        raw::ITIMER_REAL => (send(raw::SIGALRM), Timebase::Monotonic),
        // Time in the kernel is not told from time in the program.
        raw::ITIMER_VIRTUAL => (send(raw::SIGVTALRM), process),
        raw::ITIMER_PROF => (send(raw::SIGPROF), process),
        _ => (Notify::CpuLimit, process),
    };
    let mut timers = INTERVALS.lock();
    let slot = timers.get_mut(index)?;
    Some(slot.get_or_insert_with(|| SignalTimer::new(notify, base)).clone())
}

/// The process's interval timer (`ITIMER_REAL` and so on, `getitimer(2)`).
///
/// # Errors
///
/// `EINVAL` for another number.
pub fn interval(which: u32) -> Result<Arc<SignalTimer>> {
    if which > raw::ITIMER_PROF {
        return Err(Errno::EINVAL);
    }
    interval_timer(which as usize).ok_or(Errno::EINVAL)
}

/// Has the process told when it has used this many seconds of CPU time, and each second after that; `u64::MAX` for never.
pub fn limit_cpu_time(seconds: u64) {
    const SECOND: u64 = 1_000_000_000;
    let first = (seconds != u64::MAX).then(|| Instant(seconds.max(1).saturating_mul(SECOND)));
    if let Some(timer) = interval_timer(CPU_LIMIT) {
        timer.set(first, SECOND);
    }
}

/// What the process gets for it: a warning up to the hard limit.
fn over_limit() -> u32 {
    let hard = process().limits.lock()[raw::RLIMIT_CPU as usize].rlim_max;
    if sched::process_cpu_time() / 1_000_000_000 >= hard {
        raw::SIGKILL
    } else {
        raw::SIGXCPU
    }
}

static TIMERS: Lock<BTreeMap<i32, Arc<SignalTimer>>> = Lock::new(BTreeMap::new());

/// Makes a timer and gives its identifier; `notify` is made knowing it.
///
/// # Errors
///
/// `EAGAIN` when there are too many.
pub fn create(base: Timebase, notify: impl FnOnce(i32) -> Notify) -> Result<i32> {
    let mut timers = TIMERS.lock();
    if timers.len() >= MAX_TIMERS {
        return Err(Errno::EAGAIN);
    }
    let id = (0..)
        .zip(timers.keys())
        .find(|(index, id)| index != *id)
        .map_or(timers.len() as i32, |(index, _)| index);
    timers.insert(id, SignalTimer::new(notify(id), base));
    Ok(id)
}

/// Looks a timer up.
///
/// # Errors
///
/// `EINVAL` if there is none.
pub fn get(id: i32) -> Result<Arc<SignalTimer>> {
    TIMERS.lock().get(&id).cloned().ok_or(Errno::EINVAL)
}

/// Deletes a timer, with a signal of it that waits.
///
/// # Errors
///
/// `EINVAL` if there is none.
pub fn delete(id: i32) -> Result<()> {
    let timer = TIMERS.lock().remove(&id).ok_or(Errno::EINVAL)?;
    timer.set(None, 0);
    let stale = |info: &SigInfo| info.code == raw::SI_TIMER && info.fields[0] as i32 == id;
    PROCESS.discard_if(stale);
    for thread in sched::threads() {
        thread.signals.pending.discard_if(stale);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_the_lowest_free_ones() {
        let make = || create(Timebase::Monotonic, |_| Notify::Nobody).unwrap();
        let ids = [make(), make(), make()];
        assert_eq!(ids, [0, 1, 2]);
        TIMERS.lock().remove(&1);
        assert_eq!((make(), make()), (1, 3));
        assert_eq!(get(77).err(), Some(Errno::EINVAL));
    }

    #[test]
    fn a_timer_without_listener_only_keeps_time() {
        let timer = SignalTimer::new(Notify::Nobody, Timebase::Monotonic);
        let hour = 3_600_000_000_000;
        assert_eq!(
            timer.set(Some(Instant(time::now().0 + hour)), 9),
            Setting::default()
        );
        let setting = timer.get();
        assert!(
            setting.remaining <= hour && setting.remaining > hour / 2,
            "{setting:?}"
        );
        assert_eq!(timer.set(None, 0).interval, 9);
        assert_eq!(timer.get(), Setting::default());
    }
}
