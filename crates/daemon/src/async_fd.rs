//! Descriptors that tokio waits for.

use std::{io, os::fd::OwnedFd};

use tokio::io::unix::AsyncFd;

/// Waits for a descriptor that nobody else can close.
///
/// tokio 1.54 deprecates `AsyncFd::new`, because a type that merely implements `AsRawFd` may close its descriptor while
/// it is registered; the successor is `unsafe` and asks for a type that does not. `OwnedFd` is one, and we never touch the
/// descriptor behind the registration, so what is safe stays said in safe code.
pub(crate) fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(
        deprecated,
        reason = "an OwnedFd keeps its descriptor open as long as it is registered"
    )]
    AsyncFd::new(fd)
}
