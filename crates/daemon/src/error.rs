//! Why a daemon does not start or does not end as it should.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why a daemon did not start, or failed to clean up at its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another daemon holds the state folder.
    #[error("a daemon is already running on {}, pid {pid}; use that one, or another --state-dir", state_dir.display())]
    AlreadyRunning {
        /// The state folder.
        state_dir: PathBuf,
        /// What the lock file says.
        pid: String,
    },
    /// Another daemon answers on the socket.
    #[error("a daemon is already running on {}; use that one, or another --socket", .0.display())]
    SocketTaken(PathBuf),
    /// The TCP address cannot be had.
    #[error("cannot listen on {address}: {source}; stop what listens there, or choose another --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The Unix socket cannot be made.
    #[error("cannot listen on {}: {source}; choose another --socket", path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something in the state folder cannot be made or read.
    #[error("cannot use {}: {source}; mend it, or choose another --state-dir", path.display())]
    State {
        /// What was tried.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Unix sockets in the folder would have too long a path.
    #[error("{} is too long a path (75 bytes at most); choose another --state-dir", .0.display())]
    PathTooLong(PathBuf),
    /// The range of addresses is not understood.
    #[error(transparent)]
    Network(#[from] uigniter_network::Error),
    /// The host has no inotify instance left.
    #[error("cannot watch files: {0}; raise fs.inotify.max_user_instances")]
    Inotify(io::Error),
}
