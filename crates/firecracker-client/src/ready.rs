//! Waiting until a VMM listens, woken by the kernel.
//!
//! The socket file appears at bind(2), which inotify(7) reports. Only listen(2), some microseconds later, lets a
//! client in, and the kernel tells nobody about that: connect(2) answers `ECONNREFUSED` until then. That gap, and a
//! stale file of a dead VMM, are the only things looked at by the clock.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use inotify::{EventStream, Inotify, WatchMask};
use tokio::net::UnixStream;

/// How long a socket that is bound but refuses is left alone.
const LISTEN_GAP: Duration = Duration::from_micros(200);
/// Room for events that wait; each has at most 272 bytes (inotify(7), `NAME_MAX`).
const EVENT_BYTES: usize = 4096;

/// Connects to `socket` as soon as somebody listens there.
///
/// # Errors
///
/// What inotify(7) says of the socket's folder (which must exist), or connect(2) of the socket, other than that it is
/// not there yet.
pub(crate) async fn connect(socket: &Path) -> io::Result<UnixStream> {
    // Nearly always the pool's VMM listens already, and no watch is needed.
    if let Ok(stream) = UnixStream::connect(socket).await {
        return Ok(stream);
    }
    let mut changes = watch(socket)?;
    loop {
        match UnixStream::connect(socket).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => change(&mut changes).await?,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                if let Ok(result) = tokio::time::timeout(LISTEN_GAP, change(&mut changes)).await {
                    result?;
                }
            }
            other => return other,
        }
    }
}

/// Watches the folder of `socket` for new names.
fn watch(socket: &Path) -> io::Result<EventStream<[u8; EVENT_BYTES]>> {
    let folder = match socket.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let inotify = Inotify::init()?;
    inotify
        .watches()
        .add(folder, WatchMask::CREATE | WatchMask::MOVED_TO)?;
    inotify.into_event_stream([0; EVENT_BYTES])
}

/// Waits for one event.
async fn change(changes: &mut EventStream<[u8; EVENT_BYTES]>) -> io::Result<()> {
    changes
        .next()
        .await
        .unwrap_or_else(|| Err(io::ErrorKind::UnexpectedEof.into()))
        .map(drop)
}
