//! The API server: HTTP/1.1 on a Unix socket and, where wanted, on TCP.
//!
//! Connections are bounded in number and each in its time for a request's head; bodies are bounded in length and in how
//! long they may pause. There is no password, so the TCP address should be loopback; what a browser sends for a web page
//! (it then says `Origin`) is refused.

mod body;
mod images;
mod input;
mod instances;
mod listener;
mod routes;
mod system;
mod volumes;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub(crate) use listener::Listeners;

use crate::{host::Host, state_dir::ignore_absent};

/// Connections at a time; more wait in the listen backlog.
const CONNECTIONS: usize = 1024;

/// How long a client may take for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long connections may take to finish when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    connections: TaskTracker,
    stopping: CancellationToken,
    /// Ends connections that did not finish in time.
    cutting: CancellationToken,
    address: Option<SocketAddr>,
    socket: PathBuf,
}

/// What every connection gets.
#[derive(Clone, Debug)]
struct Connections {
    router: axum::Router,
    tracker: TaskTracker,
    places: Arc<Semaphore>,
    stopping: CancellationToken,
    cutting: CancellationToken,
}

impl Server {
    pub(crate) fn start(host: &Arc<Host>, listeners: Listeners) -> Self {
        let connections = Connections {
            router: routes::router(host),
            tracker: TaskTracker::new(),
            places: Arc::new(Semaphore::new(CONNECTIONS)),
            stopping: host.stopping.clone(),
            cutting: CancellationToken::new(),
        };
        let server = Self {
            connections: connections.tracker.clone(),
            stopping: connections.stopping.clone(),
            cutting: connections.cutting.clone(),
            address: listeners.address(),
            socket: host.config.socket.clone(),
        };
        listeners.serve(&connections);
        server
    }

    pub(crate) const fn listen_address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Takes no more connections, lets those there are finish, and removes the socket.
    pub(crate) async fn stop(self) {
        self.stopping.cancel();
        self.connections.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.connections.wait())
            .await
            .is_err()
        {
            self.cutting.cancel();
            self.connections.wait().await;
        }
        if let Err(error) = ignore_absent(std::fs::remove_file(&self.socket)) {
            tracing::warn!(path = %self.socket.display(), %error, "the socket stays");
        }
    }
}

impl Connections {
    /// Serves one connection in a task of its own.
    fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        place: tokio::sync::OwnedSemaphorePermit,
    ) {
        let (stopping, cutting) = (self.stopping.clone(), self.cutting.clone());
        let service = TowerToHyperService::new(self.router.clone());
        self.tracker.spawn(async move {
            let _place = place;
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .half_close(false)
                .serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            let mut told = false;
            loop {
                tokio::select! {
                    result = &mut connection => {
                        if let Err(error) = result {
                            tracing::debug!(%error, "a connection broke");
                        }
                        return;
                    }
                    () = stopping.cancelled(), if !told => {
                        told = true;
                        connection.as_mut().graceful_shutdown();
                    }
                    () = cutting.cancelled() => return,
                }
            }
        });
    }
}
