//! Signals about descriptors: `O_ASYNC`, `F_SETOWN` and `F_SETSIG` of `fcntl(2)`.
//!
//! A [`Teller`] is a [`Wake`]: when the file's queue says that something may have changed, it asks the file and sends the signal. As a queue only says
//! "look again", a signal may come once too often, never too seldom.

use crate::{
    file::{OpenFile, Poll},
    process::PID,
    sched,
    signal::{self, info::SigInfo},
    wait::Wake,
};
use alloc::sync::{Arc, Weak};
use linux_raw_sys::general as raw;

/// Who is told (`F_SETOWN_EX`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody any more.
    Nobody,
    /// A thread; 0, with which a description begins, is none.
    Thread(i32),
    /// The process.
    Process,
    /// Its group.
    Group,
}

impl Default for Owner {
    fn default() -> Self {
        Self::Thread(0)
    }
}

/// What an open file description knows of it.
#[derive(Debug, Default)]
pub struct AsyncIo {
    /// Who is told.
    pub owner: Owner,
    /// The signal; 0 is `SIGIO` without details.
    pub signal: i32,
    /// Set while `O_ASYNC` is.
    pub teller: Option<Arc<Teller>>,
}

/// Sends the signals of one open file description.
pub struct Teller {
    open: Weak<OpenFile>,
    fd: i32,
}

impl core::fmt::Debug for Teller {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Teller({})", self.fd)
    }
}

impl Teller {
    /// One for a description; `fd` is what the program is told.
    pub(crate) fn new(open: &Arc<OpenFile>, fd: i32) -> Arc<Self> {
        Arc::new(Self {
            open: Arc::downgrade(open),
            fd,
        })
    }
}

/// `si_code` and `si_band` for what is there now (`sigaction(2)`).
const fn reason(now: Poll) -> Option<(u32, u32)> {
    if now.intersects(Poll::PRI) {
        Some((raw::POLL_PRI, raw::POLLPRI | raw::POLLRDBAND))
    } else if now.intersects(Poll::IN.union(Poll::HUP)) {
        Some((raw::POLL_IN, raw::POLLIN | raw::POLLRDNORM))
    } else if now.intersects(Poll::OUT.union(Poll::ERR)) {
        Some((raw::POLL_OUT, raw::POLLOUT | raw::POLLWRNORM | raw::POLLWRBAND))
    } else {
        None
    }
}

impl Wake for Teller {
    fn wake(&self) {
        let Some(open) = self.open.upgrade() else { return };
        let now = open.file.poll();
        let Some((code, band)) = reason(now) else {
            return;
        };
        let (owner, signal) = {
            let told = open.async_io().lock();
            (told.owner, told.signal)
        };
        let info = if signal == 0 {
            SigInfo::from_kernel(raw::SIGIO as i32)
        } else {
            let mut info = SigInfo::new(signal, code as i32);
            info.fields[0] = u64::from(band);
            info.fields[1] = self.fd as u64;
            info
        };
        // Where no more can be queued, Linux falls back on SIGIO, which always fits.
        let send = |info: SigInfo| match owner {
            Owner::Nobody => Ok(()),
            Owner::Thread(tid) => match sched::find(tid) {
                Some(thread) => signal::send_thread(&thread, info),
                None => Ok(()),
            },
            Owner::Process | Owner::Group => signal::send_process(info),
        };
        if send(info).is_err() {
            let _ = send(SigInfo::from_kernel(raw::SIGIO as i32));
        }
    }
}

/// The owner that a number means: of `F_SETOWN` (a negative one is a group) after its sign was looked at, or of `F_SETOWN_EX`.
pub(crate) const fn process_owner(id: i32, group: bool) -> Option<Owner> {
    match id {
        0 => Some(Owner::Nobody),
        PID if group => Some(Owner::Group),
        PID => Some(Owner::Process),
        _ => None,
    }
}
