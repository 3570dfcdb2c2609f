//! Threads that live inside the namespace, each with a tokio runtime of its own.
//!
//! A socket belongs to the namespace that its maker was in (network_namespaces(7)), and setns(2) moves one thread. So
//! there are a few threads that have moved, and whatever makes sockets, taps or netlink requests for the namespace runs
//! on one of them. No thread ever moves back, and the caller's threads never move.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{Notify, oneshot};

use crate::Error;
use crate::error::Result;
use crate::namespace::Namespace;

/// One such thread. Dropping it ends the thread and what runs on it, without waiting.
#[derive(Debug)]
pub(crate) struct Worker {
    handle: Handle,
    stop: std::sync::Arc<Notify>,
    ended: Mutex<Option<(oneshot::Receiver<()>, JoinHandle<()>)>>,
}

impl Worker {
    /// Starts a thread and moves it into the namespace.
    pub(crate) fn start(name: &str, namespace: OwnedFd) -> Result<Self> {
        let failed = |error| Error::namespace("start a thread in the network namespace", error);
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let stop = std::sync::Arc::new(Notify::new());
        let stopped = std::sync::Arc::clone(&stop);
        let (ready, entered) = std::sync::mpsc::sync_channel(1);
        let (ending, ended) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let result = Namespace::enter(namespace.as_fd());
                let inside = result.is_ok();
                if ready.send(result).is_ok() && inside {
                    runtime.block_on(stopped.notified());
                }
                drop(runtime);
                drop(ending);
            })
            .map_err(failed)?;
        entered
            .recv()
            .unwrap_or_else(|error| Err(std::io::Error::other(error)))
            .map_err(failed)?;
        Ok(Self {
            handle,
            stop,
            ended: Mutex::new(Some((ended, thread))),
        })
    }

    /// Runs `future` on the thread to its end, also if the caller does not wait for it.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the thread has ended.
    pub(crate) async fn run<F>(&self, future: F) -> Result<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        flatten(self.handle.spawn(future).await)
    }

    /// Runs `future` on the thread as long as the caller waits for it.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the thread has ended.
    pub(crate) async fn run_while_awaited<F>(&self, future: F) -> Result<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let mut task = AbortOnDrop(self.handle.spawn(future));
        flatten((&mut task.0).await)
    }

    /// Starts `future` on the thread.
    pub(crate) fn spawn<F>(&self, future: F) -> AbortOnDrop<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        AbortOnDrop(self.handle.spawn(future))
    }

    /// Ends the thread and waits for that.
    pub(crate) async fn stop(&self) {
        self.stop.notify_one();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((ended, thread)) = ended {
            // The sender is dropped, not used: an error is the signal.
            drop(ended.await);
            drop(thread.join());
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stop.notify_one();
    }
}

fn flatten<T>(joined: std::result::Result<T, tokio::task::JoinError>) -> Result<T> {
    joined.map_err(|error| match error.try_into_panic() {
        // A bug on the thread is a bug of the caller's.
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Error::Closed,
    })
}

/// A task that ends with its owner.
#[derive(Debug)]
pub(crate) struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    /// Ends the task and waits until everything that it held is dropped.
    pub(crate) async fn abort(mut self) {
        self.0.abort();
        drop((&mut self.0).await);
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
