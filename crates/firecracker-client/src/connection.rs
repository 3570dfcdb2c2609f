//! One kept-alive HTTP/1.1 connection, and one request at a time on it.

use std::io;
use std::path::Path;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

/// The longest answer that is read. `GET /vm/config` of a VM with every device is about 4 KiB.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// An open connection; its task ends with it.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
}

/// Why an exchange failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The server closed the connection before the request was written: it is safe to send it again.
    NotSent(Box<Request<Full<Bytes>>>, hyper::Error),
    /// The connection broke, or what came is no HTTP.
    Broken(String),
}

impl Connection {
    /// Wraps a stream that has just been connected.
    pub(crate) async fn open(stream: UnixStream) -> io::Result<Self> {
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // What ends the connection is told to the request that is under way, or to the next one.
        let task = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, task })
    }

    /// Connects to the socket and wraps the stream.
    pub(crate) async fn connect(socket: &Path) -> io::Result<Self> {
        Self::open(UnixStream::connect(socket).await?).await
    }

    /// Whether the server has closed its end, as far as is known.
    pub(crate) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Sends one request and reads the whole answer.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        // Ready again once the previous answer is read; an error here shows up in the send below.
        drop(self.sender.ready().await);
        let answer = match self.sender.try_send_request(request).await {
            Ok(answer) => answer,
            Err(mut error) => {
                return Err(match error.take_message() {
                    Some(request) => Failure::NotSent(Box::new(request), error.into_error()),
                    None => Failure::Broken(error.into_error().to_string()),
                });
            }
        };
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER_BYTES);
        let body = body
            .collect()
            .await
            .map_err(|error| Failure::Broken(error.to_string()))?;
        Ok((status, body.to_bytes()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}
