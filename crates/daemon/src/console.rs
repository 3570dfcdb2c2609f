//! Consoles: what guests say, in `console.log`, written by the VMM itself so that nothing is lost while no daemon runs.
//!
//! One inotify instance watches all of them. It tells followers that there is more to read, and keeps each file bounded:
//! when a file has grown over the limit, its oldest part is punched out (`fallocate(2)`, `FALLOC_FL_PUNCH_HOLE`), which
//! frees the blocks and moves no byte, so readers' positions stay true. While no daemon runs nobody punches.

mod follow;

use std::{
    collections::HashMap,
    fs::File,
    io,
    mem::MaybeUninit,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use rustix::{
    fs::{FallocateFlags, fallocate, inotify},
    io::Errno,
};
use tokio::{io::unix::AsyncFd, sync::watch};
use tokio_util::sync::CancellationToken;

pub(crate) use follow::{From, stream};

/// Holes are made of whole pages, and not for less than this many bytes.
const PUNCH_STEP_BYTES: u64 = 64 << 10;

/// One console.
#[derive(Debug)]
pub(crate) struct Console {
    path: PathBuf,
    progress: watch::Sender<Progress>,
}

/// What followers wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    /// Counts writes.
    writes: u64,
    /// Nothing more will come.
    ended: bool,
}

impl Console {
    /// Says that nothing more will come: the process that wrote is gone.
    pub(crate) fn end(&self) {
        self.progress.send_modify(|progress| progress.ended = true);
    }

    fn wrote(&self) {
        self.progress.send_modify(|progress| progress.writes += 1);
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }
}

/// The watch over all consoles.
#[derive(Debug)]
pub(crate) struct Consoles {
    inotify: AsyncFd<OwnedFd>,
    watched: Mutex<HashMap<i32, Watched>>,
    limit_bytes: u64,
}

#[derive(Debug)]
struct Watched {
    console: Weak<Console>,
    /// Where the kept part begins, in bytes.
    kept_from: u64,
}

impl Consoles {
    /// A watch that keeps `limit_bytes` of each console.
    pub(crate) fn new(limit_bytes: u64) -> io::Result<Self> {
        let inotify = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        Ok(Self {
            inotify: crate::async_fd::register(inotify)?,
            watched: Mutex::default(),
            limit_bytes: limit_bytes.max(PUNCH_STEP_BYTES),
        })
    }

    /// Watches the console of an instance that runs.
    pub(crate) fn watch(&self, path: PathBuf) -> io::Result<Arc<Console>> {
        let console = Arc::new(Console {
            path,
            progress: watch::Sender::default(),
        });
        // Under the lock, so that the first event finds its entry.
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let flags = inotify::WatchFlags::MODIFY;
        let descriptor = inotify::add_watch(self.inotify.get_ref(), &console.path, flags)?;
        watched.insert(
            descriptor,
            Watched {
                console: Arc::downgrade(&console),
                kept_from: 0,
            },
        );
        Ok(console)
    }

    /// The console of an instance that has ended.
    pub(crate) fn ended(path: PathBuf) -> Arc<Console> {
        let progress = watch::Sender::new(Progress {
            writes: 0,
            ended: true,
        });
        Arc::new(Console { path, progress })
    }

    /// Hands out news, until `ending`.
    pub(crate) async fn run(&self, ending: &CancellationToken) {
        loop {
            tokio::select! {
                ready = self.inotify.readable() => match ready {
                    Ok(mut guard) => {
                        self.read_events();
                        guard.clear_ready();
                    }
                    Err(error) => {
                        tracing::error!(%error, "consoles can no longer be watched");
                        return;
                    }
                },
                () = ending.cancelled() => return,
            }
        }
    }

    fn read_events(&self) {
        let mut buffer = [const { MaybeUninit::uninit() }; 4096];
        let mut reader = inotify::Reader::new(self.inotify.get_ref(), &mut buffer);
        loop {
            match reader.next() {
                Ok(event) => self.handle(event.wd(), event.events()),
                Err(Errno::INTR) => {}
                // WOULDBLOCK: everything was read.
                Err(_) => return,
            }
        }
    }

    fn handle(&self, descriptor: i32, events: inotify::ReadFlags) {
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if events.contains(inotify::ReadFlags::QUEUE_OVERFLOW) {
            all.values()
                .filter_map(|watched| watched.console.upgrade())
                .for_each(|console| console.wrote());
        } else if events.contains(inotify::ReadFlags::IGNORED) {
            // The file is gone, and the kernel's watch with it.
            all.remove(&descriptor);
        } else if let Some(watched) = all.get_mut(&descriptor) {
            let Some(console) = watched.console.upgrade() else {
                return;
            };
            console.wrote();
            if let Err(error) = self.bound(&console, &mut watched.kept_from) {
                tracing::warn!(path = %console.path.display(), %error, "a console cannot be bounded");
            }
        }
    }

    fn bound(&self, console: &Console, kept_from: &mut u64) -> io::Result<()> {
        let length = std::fs::metadata(&console.path)?.len();
        if length < *kept_from + self.limit_bytes + PUNCH_STEP_BYTES {
            return Ok(());
        }
        let keep = (length - self.limit_bytes) / PUNCH_STEP_BYTES * PUNCH_STEP_BYTES;
        let file = File::options().write(true).open(&console.path)?;
        fallocate(
            &file,
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            0,
            keep,
        )?;
        *kept_from = keep;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
