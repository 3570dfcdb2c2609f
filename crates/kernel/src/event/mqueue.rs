//! POSIX message queues, `mq_overview(7)`: messages with priorities, from any thread to any thread, by name.
//!
//! A [`Queue`] lives as long as it has a name or a descriptor. It holds at most as many messages as it was made for, and all queues together no more than
//! `RLIMIT_MSGQUEUE` says, so no program can take the kernel's memory by them.

use super::anonymous_stat;
use crate::{
    errno::{Errno, Result},
    file::{File, Poll, Stat},
    process::process,
    signal::{info::SigInfo, send_process},
    sync::Lock,
    wait::WaitQueue,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    format,
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::{
    any::Any,
    sync::atomic::{AtomicU64, Ordering},
};
use linux_raw_sys::general as raw;

/// Priorities are below this (`MQ_PRIO_MAX`).
pub const PRIORITIES: u32 = 32768;
/// The most messages and the longest that a queue may be made for (`HARD_MSGMAX`, `HARD_MSGSIZEMAX`).
const HARD_MESSAGES: i64 = 65536;
const HARD_SIZE: i64 = 16 << 20;
/// The same without privilege (`/proc/sys/fs/mqueue`).
const SOFT_MESSAGES: i64 = 10;
const SOFT_SIZE: i64 = 8192;
/// What Linux counts for a message beside its bytes (`struct msg_msg` and a tree's node).
const OVERHEAD: u64 = 48 + 48;

/// How large a queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Messages (`mq_maxmsg`).
    pub messages: usize,
    /// Bytes of a message (`mq_msgsize`).
    pub size: usize,
}

impl Limits {
    /// Those of a queue for which none are asked.
    pub const DEFAULT: Self = Self {
        messages: SOFT_MESSAGES as usize,
        size: SOFT_SIZE as usize,
    };

    /// Checks what a program asks for.
    ///
    /// # Errors
    ///
    /// `EINVAL`.
    pub fn new(messages: i64, size: i64, privileged: bool) -> Result<Self> {
        let (most, longest) = match privileged {
            true => (HARD_MESSAGES, HARD_SIZE),
            false => (SOFT_MESSAGES, SOFT_SIZE),
        };
        if !(1..=most).contains(&messages) || !(1..=longest).contains(&size) {
            return Err(Errno::EINVAL);
        }
        Ok(Self {
            messages: messages as usize,
            size: size as usize,
        })
    }

    /// What counts for `RLIMIT_MSGQUEUE`.
    const fn cost(self) -> u64 {
        self.messages as u64 * (self.size as u64 + OVERHEAD)
    }
}

/// Who is told of a message that comes to an empty queue where nobody waits (`mq_notify(3)`).
#[derive(Clone, Copy, Debug)]
pub enum Notify {
    /// Nobody; but nobody else either.
    Nobody,
    /// The process, by a signal.
    Signal(SigInfo),
}

#[derive(Debug, Default)]
struct State {
    /// Of each priority in the order of their coming. No list is empty.
    messages: BTreeMap<u32, VecDeque<Vec<u8>>>,
    count: usize,
    bytes: usize,
    receivers: usize,
    notify: Option<Notify>,
}

/// A message queue.
#[derive(Debug)]
pub struct Queue {
    /// What it was made for.
    pub limits: Limits,
    state: Lock<State>,
    changed: WaitQueue,
}

static NAMES: Lock<BTreeMap<Vec<u8>, Arc<Queue>>> = Lock::new(BTreeMap::new());

/// What all queues cost.
static USED: AtomicU64 = AtomicU64::new(0);

impl Drop for Queue {
    fn drop(&mut self) {
        USED.fetch_sub(self.limits.cost(), Ordering::Relaxed);
    }
}

/// Finds the queue of that name; makes it if it is not there and there are limits for it.
///
/// # Errors
///
/// `ENOENT`; `EEXIST` if it must be new (`O_EXCL`); `EMFILE` above `RLIMIT_MSGQUEUE`.
pub fn open(name: &[u8], make: Option<Limits>, exclusive: bool) -> Result<Arc<Queue>> {
    let limit = process().limits.lock()[raw::RLIMIT_MSGQUEUE as usize].rlim_cur;
    let mut names = NAMES.lock();
    match (names.get(name), make) {
        (Some(_), Some(_)) if exclusive => Err(Errno::EEXIST),
        (Some(queue), _) => Ok(queue.clone()),
        (None, None) => Err(Errno::ENOENT),
        (None, Some(limits)) => {
            let within = |used: u64| used.checked_add(limits.cost()).filter(|&sum| sum <= limit);
            USED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within)
                .map_err(|_| Errno::EMFILE)?;
            let queue = Arc::new(Queue {
                limits,
                state: Lock::default(),
                changed: WaitQueue::new(),
            });
            names.insert(name.to_vec(), queue.clone());
            Ok(queue)
        }
    }
}

/// Takes a name away; the queue goes with its last descriptor.
///
/// # Errors
///
/// `ENOENT`.
pub fn unlink(name: &[u8]) -> Result<()> {
    let removed = NAMES.lock().remove(name);
    removed.map(drop).ok_or(Errno::ENOENT)
}

impl Queue {
    /// Adds a message; `None` if the queue is full.
    pub fn send(&self, priority: u32, message: &[u8]) -> Option<()> {
        let told = {
            let mut state = self.state.lock();
            if state.count >= self.limits.messages {
                return None;
            }
            let told = match (state.count, state.receivers) {
                (0, 0) => state.notify.take(),
                _ => None,
            };
            state
                .messages
                .entry(priority)
                .or_default()
                .push_back(message.to_vec());
            state.count += 1;
            state.bytes += message.len();
            told
        };
        self.changed.wake_all();
        if let Some(Notify::Signal(info)) = told {
            // Where too many wait already, there is nobody to be told.
            let _ = send_process(info);
        }
        Some(())
    }

    /// Takes the oldest message of the highest priority; `None` if there is none.
    pub fn receive(&self) -> Option<(u32, Vec<u8>)> {
        let taken = {
            let mut state = self.state.lock();
            let mut highest = state.messages.last_entry()?;
            let priority = *highest.key();
            let message = highest.get_mut().pop_front()?;
            if highest.get().is_empty() {
                highest.remove();
            }
            state.count -= 1;
            state.bytes -= message.len();
            (priority, message)
        };
        self.changed.wake_all();
        Some(taken)
    }

    /// Counts one who waits for a message, for whom no signal is needed, as long as `wait` takes.
    pub fn waiting<T>(&self, wait: impl FnOnce(&WaitQueue) -> T) -> T {
        self.state.lock().receivers += 1;
        let result = wait(&self.changed);
        self.state.lock().receivers -= 1;
        result
    }

    /// Woken when a message comes or goes.
    pub fn changed(&self) -> &WaitQueue {
        &self.changed
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.state.lock().count
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Has somebody told of the next message that comes to the empty queue; `None` takes that back.
    ///
    /// # Errors
    ///
    /// `EBUSY` if somebody is told already.
    pub fn notify(&self, whom: Option<Notify>) -> Result<()> {
        let mut state = self.state.lock();
        if whom.is_some() && state.notify.is_some() {
            return Err(Errno::EBUSY);
        }
        state.notify = whom;
        Ok(())
    }
}

/// A descriptor's view of a queue.
#[derive(Debug)]
pub struct QueueFile(pub Arc<Queue>);

impl File for QueueFile {
    /// What Linux's file of the queue says (`mq_overview(7)`).
    fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let (bytes, signal) = {
            let state = self.0.state.lock();
            let signal = match state.notify {
                Some(Notify::Signal(info)) => info.signo,
                _ => 0,
            };
            (state.bytes, signal)
        };
        let text = format!("QSIZE:{bytes:<10} NOTIFY:0     SIGNO:{signal:<5} NOTIFY_PID:0     \n");
        let rest = text.as_bytes().get(offset as usize..).unwrap_or_default();
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    }

    fn seekable(&self) -> bool {
        true
    }

    fn poll(&self) -> Poll {
        let count = self.0.len();
        let mut ready = Poll::empty();
        ready.set(Poll::IN, count > 0);
        ready.set(Poll::OUT, count < self.0.limits.messages);
        ready
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.changed)
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            mode: raw::S_IFREG | 0o600,
            size: 80,
            ..anonymous_stat()
        })
    }

    fn label(&self) -> &'static str {
        "[mqueue]"
    }

    fn details(&self) -> String {
        String::new()
    }

    /// Whoever closes any descriptor of the queue is told no more (`mq_close(3)`).
    fn descriptor_closed(&self) {
        self.0.state.lock().notify = None;
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn queue(messages: usize) -> Queue {
        let limits = Limits { messages, size: 8 };
        USED.fetch_add(limits.cost(), Ordering::Relaxed);
        Queue {
            limits,
            state: Lock::default(),
            changed: WaitQueue::new(),
        }
    }

    proptest! {
        /// Messages come out by priority, and of equal ones in the order of their coming; none is lost, and no more are in than there is room for.
        #[test]
        fn queues_are_as_a_sorted_list(steps in prop::collection::vec(prop::option::of(0u32..4), 1..60)) {
            let queue = queue(5);
            let mut model: Vec<(u32, u8)> = Vec::new();
            for (name, step) in steps.into_iter().enumerate() {
                match step {
                    Some(priority) => {
                        let sent = queue.send(priority, &[name as u8]);
                        prop_assert_eq!(sent.is_some(), model.len() < 5);
                        if sent.is_some() {
                            let at = model.iter().position(|message| message.0 < priority).unwrap_or(model.len());
                            model.insert(at, (priority, name as u8));
                        }
                    }
                    None => {
                        let expected = (!model.is_empty()).then(|| model.remove(0));
                        let taken = queue.receive().map(|(priority, bytes)| (priority, bytes[0]));
                        prop_assert_eq!(taken, expected);
                    }
                }
                prop_assert_eq!(queue.len(), model.len());
            }
        }
    }

    #[test]
    fn names_are_unique_and_a_queue_outlives_its_own() {
        let make = Some(Limits::DEFAULT);
        let first = open(b"unique", make, true).unwrap();
        assert_eq!(open(b"unique", make, true).err(), Some(Errno::EEXIST));
        assert!(Arc::ptr_eq(&first, &open(b"unique", make, false).unwrap()));
        first.send(1, b"still").unwrap();
        assert_eq!(unlink(b"unique"), Ok(()));
        assert_eq!(unlink(b"unique"), Err(Errno::ENOENT));
        assert_eq!(open(b"unique", None, false).err(), Some(Errno::ENOENT));
        assert_eq!(first.receive(), Some((1, b"still".to_vec())));
    }
}
