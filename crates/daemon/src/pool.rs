//! The pool: microVMs that wait, with process, tap, MAC and address.
//!
//! A request takes one from the front. A single task refills, one microVM at a time, and only while no launch is under
//! way and none was for [`QUIET`]: on a machine of two cores a VMM that is being made would take time from the guest that
//! has just been started and whose first answer somebody awaits. A request that finds the pool empty makes its own.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use crate::{
    host::Host,
    refusal::Refusal,
    vm::{self, Vm},
};

/// How long after the last launch the refill waits: about what a guest needs from its start to its first answer.
const QUIET: Duration = Duration::from_millis(30);

/// How many microVMs are made at a time for requests that found the pool empty; more would only slow each other down.
const MISSES_AT_A_TIME: usize = 4;

/// Largest size that can be asked for.
pub(crate) const LARGEST: u32 = 1024;

/// The pool of one daemon.
#[derive(Debug)]
pub(crate) struct Pool {
    size: AtomicU32,
    ready: Mutex<VecDeque<Vm>>,
    wake: Notify,
    launches: Launches,
    misses: Semaphore,
}

#[derive(Debug)]
struct Launches {
    under_way: AtomicU32,
    last: Mutex<Instant>,
}

/// A launch under way, until dropped.
#[derive(Debug)]
pub(crate) struct Launch<'a>(&'a Pool);

impl Drop for Launch<'_> {
    fn drop(&mut self) {
        *self
            .0
            .launches
            .last
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.launches.under_way.fetch_sub(1, Ordering::AcqRel);
        self.0.wake.notify_one();
    }
}

impl Pool {
    /// An empty pool that is to have `size` microVMs.
    pub(crate) fn new(size: u32) -> Self {
        Self {
            size: AtomicU32::new(size.min(LARGEST)),
            ready: Mutex::default(),
            wake: Notify::new(),
            launches: Launches {
                under_way: AtomicU32::new(0),
                last: Mutex::new(Instant::now()),
            },
            misses: Semaphore::new(MISSES_AT_A_TIME),
        }
    }

    pub(crate) fn size(&self) -> u32 {
        self.size.load(Ordering::Acquire)
    }

    pub(crate) fn ready(&self) -> u32 {
        u32::try_from(self.queue().len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn resize(&self, size: u32) {
        self.size.store(size, Ordering::Release);
        self.wake.notify_one();
    }

    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<Vm>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks a launch, which the refill keeps away from.
    pub(crate) fn launch(&self) -> Launch<'_> {
        self.launches.under_way.fetch_add(1, Ordering::AcqRel);
        Launch(self)
    }

    /// A microVM for a request: one that waits, or a new one.
    pub(crate) async fn take(&self, host: &Arc<Host>) -> Result<Vm, Refusal> {
        while let Some(vm) = self.pop() {
            if !vm.process.has_ended() {
                host.metrics.pool_hits.inc();
                return Ok(vm);
            }
            tracing::warn!(id = vm.id, "a waiting VMM has died");
            dispose(host, vm);
        }
        host.metrics.pool_misses.inc();
        let _turn = self.misses.acquire().await.map_err(|_| Refusal::ShuttingDown)?;
        vm::prepare(host).await
    }

    fn pop(&self) -> Option<Vm> {
        self.queue().pop_front()
    }

    /// Keeps the pool at its size, until the daemon stops.
    pub(crate) async fn keep_filled(&self, host: &Arc<Host>) {
        while !host.stopping.is_cancelled() {
            self.shrink(host);
            if self.ready() >= self.size() || !self.refill(host).await {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = host.stopping.cancelled() => return,
                }
            }
        }
    }

    fn shrink(&self, host: &Arc<Host>) {
        while self.ready() > self.size() {
            let Some(vm) = self.pop() else { return };
            dispose(host, vm);
        }
    }

    /// Adds one when all is quiet; `false` if it has to be woken again first.
    async fn refill(&self, host: &Arc<Host>) -> bool {
        if self.launches.under_way.load(Ordering::Acquire) > 0 {
            return false;
        }
        let quiet_at = *self.launches.last.lock().unwrap_or_else(PoisonError::into_inner) + QUIET;
        if Instant::now() < quiet_at {
            // Not synchronisation: it only gives way to the guest that boots.
            tokio::select! {
                () = tokio::time::sleep_until(quiet_at) => {}
                () = host.stopping.cancelled() => {}
            }
            return true;
        }
        match vm::prepare(host).await {
            Ok(vm) => {
                self.queue().push_back(vm);
                true
            }
            Err(refusal) => {
                // No use in trying over and over: the next launch, which will fail and say so, wakes us.
                tracing::warn!(%refusal, "the pool cannot be refilled");
                false
            }
        }
    }

    /// Takes down everything that waits.
    pub(crate) async fn drain(&self, host: &Host) {
        while let Some(vm) = self.pop() {
            vm::reclaim(host, vm).await;
        }
    }
}

/// Takes a microVM down in the background; a shutdown waits for it.
pub(crate) fn dispose(host: &Arc<Host>, vm: Vm) {
    let tracked = Arc::clone(host);
    host.work.spawn(async move { vm::reclaim(&tracked, vm).await });
}
