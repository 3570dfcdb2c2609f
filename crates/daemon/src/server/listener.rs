//! The sockets that the server listens on.

use std::{
    fs::{self, DirBuilder, Permissions},
    future::Future,
    io,
    net::SocketAddr,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};

use super::Connections;
use crate::{Config, Error};

/// How long accepting rests after it failed (no descriptors left, say), so as not to spin.
const REST: Duration = Duration::from_millis(100);

/// Sockets that are bound.
#[derive(Debug)]
pub(crate) struct Listeners {
    unix: UnixListener,
    tcp: Option<TcpListener>,
}

impl Listeners {
    pub(crate) async fn bind(config: &Config) -> Result<Self, Error> {
        let tcp = match config.listen {
            Some(address) => {
                let bound = TcpListener::bind(address).await;
                Some(bound.map_err(|source| Error::Listen { address, source })?)
            }
            None => None,
        };
        let path = &config.socket;
        if UnixStream::connect(path).await.is_ok() {
            return Err(Error::SocketTaken(path.clone()));
        }
        let unix = bind_unix(path).map_err(|source| Error::Socket {
            path: path.clone(),
            source,
        })?;
        Ok(Self { unix, tcp })
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.tcp.as_ref()?.local_addr().ok()
    }

    /// Accepts on both, in tasks of their own, until the server stops.
    pub(super) fn serve(self, connections: &Connections) {
        connections
            .tracker
            .spawn(accept_all(connections.clone(), self.unix));
        if let Some(listener) = self.tcp {
            connections
                .tracker
                .spawn(accept_all(connections.clone(), listener));
        }
    }
}

/// A socket that connections come from.
trait Accept: Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn next(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Accept for UnixListener {
    type Stream = UnixStream;

    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn next(&self) -> io::Result<TcpStream> {
        let (stream, _) = self.accept().await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

async fn accept_all(connections: Connections, listener: impl Accept) {
    loop {
        let Ok(place) = Arc::clone(&connections.places).acquire_owned().await else {
            return;
        };
        tokio::select! {
            accepted = listener.next() => match accepted {
                Ok(stream) => connections.serve(stream, place),
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(REST).await;
                }
            },
            () = connections.stopping.cancelled() => return,
        }
    }
}

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    }
    // Nobody answers on it, so what lies there is a dead daemon's; only a socket is removed.
    match fs::symlink_metadata(path) {
        Ok(found) if std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => fs::remove_file(path)?,
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "another file has this path",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o660))?;
    Ok(listener)
}
