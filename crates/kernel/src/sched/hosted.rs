//! What stands for the scheduler when the crate is a library on the host: each host thread is a thread of the program, and nobody can wake one that blocks.

use super::{Thread, Wishes};
use crate::{arch::frame::Frame, signal::ThreadSignals, time::Instant};
use alloc::{sync::Arc, vec, vec::Vec};
use uigniter_abi::exit::ExitStatus;

#[cfg(test)]
std::thread_local! {
    static CURRENT: Arc<Thread> = Arc::new(Thread::new(1, ThreadSignals::default(), Wishes::default()));
}

/// The thread on whose behalf the kernel runs.
#[must_use]
pub fn current() -> Arc<Thread> {
    #[cfg(test)]
    return super::stage::current().unwrap_or_else(|| CURRENT.with(Arc::clone));
    #[cfg(not(test))]
    Arc::new(Thread::new(1, ThreadSignals::default(), Wishes::default()))
}

/// Nobody else runs here, so only time can pass; but on a test's stage.
///
/// # Panics
///
/// Without a deadline: the caller would wait for ever.
pub fn block(deadline: Option<Instant>) {
    crate::sync::assert_none_held();
    #[cfg(test)]
    if super::stage::block(deadline) {
        return;
    }
    assert!(
        deadline.is_some(),
        "blocked for ever: nothing else runs on the host"
    );
    core::hint::spin_loop();
}

/// Nobody else runs here, but on a test's stage.
pub fn yield_now() {
    #[cfg(test)]
    super::stage::point();
}

/// Changes how a thread is scheduled: noted, as nobody else runs here.
pub fn set_wishes(thread: &Arc<Thread>, wishes: Wishes) {
    thread.account.set_wishes(wishes);
}

/// Gives a thread at least that realtime priority: noted, as nobody else runs here.
pub fn set_boost(thread: &Arc<Thread>, priority: u8) {
    thread.account.set_boost(priority);
}

/// The one thread, or all on a test's stage.
#[must_use]
pub fn threads() -> Vec<Arc<Thread>> {
    #[cfg(test)]
    if let Some(threads) = super::stage::threads() {
        return threads;
    }
    vec![current()]
}

/// There is no VM to end.
///
/// # Panics
///
/// Always.
#[expect(clippy::panic, reason = "a host test that ends the VM has failed")]
pub fn exit_process(status: ExitStatus) -> ! {
    panic!("the program ended: {status}")
}

/// There is no thread to end.
///
/// # Panics
///
/// Always.
pub fn exit_thread(status: i32) -> ! {
    exit_process(ExitStatus::Exited(status as u8))
}

/// There is no VM to end.
///
/// # Panics
///
/// Always.
pub fn crash(signal: i32, _frame: &Frame, _address: Option<u64>) -> ! {
    exit_process(ExitStatus::Signaled(signal as u8))
}
