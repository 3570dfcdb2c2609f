//! Work that sleeps and that a timer asks for: a timer's end cannot block, and there are no threads but the program's.
//!
//! So the work is done by the next thread of the program that is about to block, or on its way back to the program; where all are blocked, one
//! is woken for it, does it, and blocks again: a wake-up too many is harmless to whoever waits ([`wait`](crate::wait)).

use super::threads;
use crate::{sync::Lock, wait::Wake};
use core::sync::atomic::{AtomicBool, Ordering};

static ASKED: AtomicBool = AtomicBool::new(false);
static WORK: Lock<Option<fn()>> = Lock::new(None);

/// Has `work` done soon, from where it may block. It must not wait for anything that a thread may keep while it blocks (a [`Turn`](crate::wait::Turn)).
pub fn ask(work: fn()) {
    *WORK.lock() = Some(work);
    ASKED.store(true, Ordering::Relaxed);
    if let Some(thread) = threads().first() {
        thread.wake();
    }
}

/// Does what was asked for.
#[cfg_attr(
    not(feature = "elf"),
    expect(dead_code, reason = "nothing is scheduled on the host")
)]
pub(super) fn run() {
    if ASKED.load(Ordering::Relaxed) && ASKED.swap(false, Ordering::Relaxed) {
        let work = *WORK.lock();
        if let Some(work) = work {
            work();
        }
    }
}

static LAST: Lock<Option<fn()>> = Lock::new(None);

/// Has `work` done when the program ends, before the VM does; it may block.
pub fn at_end(work: fn()) {
    *LAST.lock() = Some(work);
}

/// Does what is to be done at the end, once.
#[cfg_attr(not(feature = "elf"), expect(dead_code, reason = "nothing ends on the host"))]
pub(super) fn end() {
    let work = LAST.lock().take();
    if let Some(work) = work {
        work();
    }
}
