//! The monitor as a process: from the listening socket to the exit file.
//!
//! ```text
//!   bind socket -> open KVM -> loop { API, signals, backlog of outputs } -> last words -> exit file -> unlink socket
//!                                ^ CPUs and the device thread, after InstanceStart, report their end here
//! ```

use std::{
    fs::{self, File},
    io,
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixListener,
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    time::Duration,
};

use vmm_sys_util::{
    epoll::{ControlOperation, Epoll, EpollEvent, EventSet},
    eventfd::EventFd,
    signal::{block_signal, create_sigset},
};

use crate::{
    api::server::Server,
    input::Input,
    kvm::{
        self,
        vcpu::{Event, Reporter},
    },
    machine::Machine,
    metrics::Timeline,
    outcome::Outcome,
    output::{Output, SharedOutput, lock},
};

/// Longest id.
const ID_MAX: usize = 64;
/// How long a slow reader of the console has for the last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What the monitor is told on its command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// Where the API's Unix socket is made.
    pub api_socket: PathBuf,
    /// The microVM's name: 1 to 64 letters, digits and `-`.
    pub id: String,
    /// Where the [`Outcome`] is written at the end, as one JSON line.
    pub exit_file: Option<PathBuf>,
    /// Where serial port and console write (appended); standard output if `None`.
    pub console_file: Option<PathBuf>,
    /// Where the Unix datagram socket is made whose messages, of at most 16 KiB each, are the console's input, an empty one its end; no input if `None`.
    pub console_input: Option<PathBuf>,
}

/// Why the monitor could not begin, or not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The id cannot be a name.
    #[error("invalid id '{0}': use 1 to 64 letters, digits and '-'")]
    Id(String),
    /// The socket cannot be made.
    #[error("cannot listen on {}: {error}; is another VMM using it, or was it left behind?", path.display())]
    Socket {
        /// Its path.
        path: PathBuf,
        /// What `bind(2)` said.
        error: io::Error,
    },
    /// The console file cannot be opened.
    #[error("cannot write the console to {}: {error}", path.display())]
    ConsoleFile {
        /// Its path.
        path: PathBuf,
        /// What `open(2)` said.
        error: io::Error,
    },
    /// The exit file cannot be written.
    #[error("cannot write the exit file {}: {error}", path.display())]
    ExitFile {
        /// Its path.
        path: PathBuf,
        /// What the file system said.
        error: io::Error,
    },
    /// KVM cannot be used.
    #[error("{0}")]
    Kvm(String),
    /// The event loop cannot be made or run.
    #[error("the event loop failed: {0}")]
    Loop(#[from] io::Error),
    /// Signals cannot be taken over.
    #[error("cannot take over signals: {0}")]
    Signals(String),
}

/// Runs one microVM from its API socket to its end; see the [crate]'s documentation.
///
/// Blocks `SIGTERM` and `SIGINT` in the calling thread and takes them as "end now". The threads of a guest that has ended stay until the process
/// exits, which should be soon after this returns.
///
/// # Errors
///
/// See [`Error`]. A failure is in the exit file, too.
pub fn run(config: Config) -> Result<Outcome, Error> {
    let result = serve(&config);
    let outcome = match &result {
        Ok(outcome) => outcome.clone(),
        Err(error) => Outcome::VmmError {
            message: error.to_string(),
        },
    };
    let written = match &config.exit_file {
        Some(path) => outcome.write_to(path).map_err(|error| Error::ExitFile {
            path: path.clone(),
            error,
        }),
        None => Ok(()),
    };
    // The first error is the cause, and the one to tell.
    result.and_then(|outcome| written.map(|()| outcome))
}

fn serve(config: &Config) -> Result<Outcome, Error> {
    let timeline = Arc::new(Timeline::new());
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if config.id.is_empty() || config.id.len() > ID_MAX || !config.id.chars().all(plain) {
        return Err(Error::Id(config.id.clone()));
    }
    let signals = take_signals()?;
    let wake = EventFd::new(libc::EFD_NONBLOCK | libc::EFD_CLOEXEC)?;
    let console = open_console(config.console_file.as_deref(), &wake)?;
    let taken = |path: &Path| {
        let path = path.to_owned();
        |error| Error::Socket { path, error }
    };
    let listener = UnixListener::bind(&config.api_socket).map_err(taken(&config.api_socket))?;
    // From here on the socket is ours to take away.
    let _socket = Unlink(&config.api_socket);
    let input = match &config.console_input {
        Some(path) => Input::bind(path).map_err(taken(path))?,
        None => Input::default(),
    };
    let _input = config.console_input.as_deref().map(Unlink);
    timeline.mark("listening");

    let epoll = Epoll::new()?;
    let server = Server::new(listener, &epoll)?;
    for fd in [signals.as_raw_fd(), wake.as_raw_fd()] {
        epoll.ctl(
            ControlOperation::Add,
            fd,
            EpollEvent::new(EventSet::IN, fd as u64),
        )?;
    }
    let (sender, events) = mpsc::channel();
    let wake = Arc::new(wake);
    let reporter = Reporter::new(sender, Arc::clone(&wake));
    let machine = Machine::new(
        config.id.clone(),
        Arc::clone(&timeline),
        reporter,
        wake.try_clone()?,
        console,
        Arc::new(Mutex::new(input)),
    )
    .map_err(|error: kvm::Error| Error::Kvm(error.to_string()))?;
    let mut owner = Owner {
        epoll,
        signals,
        wake,
        events,
        server,
        machine,
    };
    let outcome = owner.run()?;
    timeline.mark("ended");
    owner.last_words(&outcome);
    Ok(outcome)
}

/// The loop that owns everything but CPUs and devices.
struct Owner {
    epoll: Epoll,
    signals: OwnedFd,
    wake: Arc<EventFd>,
    events: Receiver<Event>,
    server: Server,
    machine: Machine,
}

impl Owner {
    fn run(&mut self) -> Result<Outcome, Error> {
        let mut ready = [EpollEvent::default(); 16];
        loop {
            let count = match self.epoll.wait(-1, &mut ready) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            for event in &ready[..count] {
                let fd = event.data() as RawFd;
                if fd == self.signals.as_raw_fd() {
                    return Ok(Outcome::Killed);
                }
                if fd == self.wake.as_raw_fd() {
                    if let Some(outcome) = self.woken() {
                        return Ok(outcome);
                    }
                } else {
                    let machine = &mut self.machine;
                    let is_client = self
                        .server
                        .process(fd, &self.epoll, &mut |request| machine.answer(request));
                    if !is_client {
                        self.drain(fd);
                    }
                }
            }
            self.machine.prepare_ahead();
        }
    }

    /// Looks why a thread has woken the loop; the outcome, if it was the end.
    fn woken(&mut self) -> Option<Outcome> {
        // Only clears the counter; a spurious wake-up finds nothing to do.
        let _ = self.wake.read();
        if let Ok(Event::Ended(outcome)) = self.events.try_recv() {
            return Some(self.refine(outcome));
        }
        for output in self.machine.outputs() {
            let mut output = lock(output);
            if !output.drain() {
                let fd = output.as_raw_fd();
                // Registered already, or not one that epoll takes: then the next write tries again.
                let event = EpollEvent::new(EventSet::OUT, fd as u64);
                let _ = self.epoll.ctl(ControlOperation::Add, fd, event);
            }
        }
        None
    }

    /// The reader of an output with a backlog has made room.
    fn drain(&self, fd: RawFd) {
        let is_done = |output: &SharedOutput| {
            let mut output = lock(output);
            output.as_raw_fd() != fd || output.drain()
        };
        if self.machine.outputs().all(is_done) {
            let _ = self
                .epoll
                .ctl(ControlOperation::Delete, fd, EpollEvent::default());
        }
    }

    /// A guest that cannot write the exit port says its status on the console before it resets.
    fn refine(&self, outcome: Outcome) -> Outcome {
        match (&outcome, self.machine.console_status()) {
            (Outcome::Reset | Outcome::KernelPanic { .. }, Some(status)) => status.into(),
            _ => outcome,
        }
    }

    fn last_words(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::VmmError { message }
            | Outcome::KernelPanic {
                message: Some(message),
            } => {
                log::error!("the VM ended: {message}");
            }
            _ => log::info!("the VM ended: {outcome:?}"),
        }
        for output in self.machine.outputs() {
            lock(output).finish(LAST_WORDS);
        }
        if let Err(error) = self.machine.flush_metrics() {
            log::warn!("{error}");
        }
    }
}

/// Removes the socket when the monitor ends, however it ends.
struct Unlink<'a>(&'a Path);

impl Drop for Unlink<'_> {
    fn drop(&mut self) {
        // Someone may have removed it already.
        let _ = fs::remove_file(self.0);
    }
}

fn open_console(path: Option<&Path>, wake: &EventFd) -> Result<SharedOutput, Error> {
    let file = match path {
        Some(path) => File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| Error::ConsoleFile {
                path: path.to_owned(),
                error,
            })?,
        None => File::from(io::stdout().as_fd().try_clone_to_owned()?),
    };
    Ok(Output::new(file, wake.try_clone()?))
}

/// Blocks `SIGTERM` and `SIGINT` and returns a descriptor that becomes readable when one comes.
fn take_signals() -> Result<OwnedFd, Error> {
    let signals = [libc::SIGTERM, libc::SIGINT];
    for signal in signals {
        block_signal(signal).map_err(|error| Error::Signals(format!("{error:?}")))?;
    }
    let set = create_sigset(&signals).map_err(|error| Error::Signals(error.to_string()))?;
    // SAFETY: the set is initialised and outlives the call; -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(Error::Signals(io::Error::last_os_error().to_string()));
    }
    // SAFETY: a fresh descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
