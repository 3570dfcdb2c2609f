//! How a call can fail.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why a call did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens on the socket (any more).
    #[error("no VMM answers on {}: {source}; it has ended or never started, see its log", socket.display())]
    Unreachable {
        /// The API socket.
        socket: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The deadline passed before the VMM listened.
    #[error("no VMM listened on {} in time; see its log", socket.display())]
    NotReady {
        /// The API socket.
        socket: PathBuf,
    },
    /// The VMM took the request and did not answer it.
    #[error("the VMM on {} did not answer {request} within {after:?}; kill it", socket.display())]
    Silent {
        /// The API socket.
        socket: PathBuf,
        /// Method and path.
        request: String,
        /// How long the client waited.
        after: Duration,
    },
    /// The VMM understood the request and refused it.
    #[error("the VMM refused {request} ({status}): {fault_message}")]
    Rejected {
        /// Method and path.
        request: String,
        /// HTTP status, 4xx or 5xx.
        status: u16,
        /// Firecracker's `fault_message`, or the start of the body if there is none.
        fault_message: String,
    },
    /// The VMM has no virtio-fs.
    #[error(
        "folders of the host's are not supported by firecracker; use the embedded VMM, or put the files into the image or a volume"
    )]
    NoFolders,
    /// The answer is not what Firecracker's API promises.
    #[error("the answer of {} to {request} is not Firecracker's: {detail}; is another program on that socket?", socket.display())]
    Protocol {
        /// The API socket.
        socket: PathBuf,
        /// Method and path.
        request: String,
        /// What is wrong with it.
        detail: String,
    },
}
