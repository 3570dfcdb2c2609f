//! One HTTP/1.1 exchange over a connection of its own.

use std::{fmt, io, path::PathBuf, pin::Pin, task};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body::Frame;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, UnixStream},
};
use tokio_util::io::poll_read_buf;

use super::{Error, Result};
use crate::error::{ErrorBody, ErrorCode};

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// A Unix socket.
    Unix(PathBuf),
    /// `HOST:PORT`.
    Tcp(String),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "{}", path.display()),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// Body of a request.
pub(super) enum Body {
    Empty,
    Bytes(Bytes),
    Json(Bytes),
    /// Sent in pieces, so that no image need fit into memory.
    Reader(Pin<Box<dyn AsyncRead + Send>>),
}

impl Body {
    pub(super) fn json(value: &impl Serialize) -> Result<Self> {
        let bytes = serde_json::to_vec(value).map_err(|error| Error::Protocol(error.to_string()))?;
        Ok(Self::Json(bytes.into()))
    }

    pub(super) fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::Reader(Box::pin(reader))
    }
}

/// Length of the pieces in which a reader is sent.
const PIECE_BYTES: usize = 128 * 1024;

/// A reader as an HTTP body.
struct ReaderBody(Pin<Box<dyn AsyncRead + Send>>);

impl http_body::Body for ReaderBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut task::Context<'_>,
    ) -> task::Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut piece = bytes::BytesMut::with_capacity(PIECE_BYTES);
        let reader = self.get_mut().0.as_mut();
        poll_read_buf(reader, context, &mut piece).map(|read| match read {
            Ok(0) => None,
            Ok(_) => Some(Ok(Frame::data(piece.freeze()))),
            Err(error) => Some(Err(error)),
        })
    }
}

/// An answer whose status says success.
pub(super) struct Reply {
    response: Response<Incoming>,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.response.status())
            .finish_non_exhaustive()
    }
}

impl Reply {
    pub(super) fn body_mut(&mut self) -> &mut Incoming {
        self.response.body_mut()
    }

    pub(super) async fn bytes(self) -> Result<Bytes> {
        Ok(self.response.into_body().collect().await?.to_bytes())
    }

    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T> {
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| Error::Protocol(error.to_string()))
    }
}

pub(super) async fn call(endpoint: &Endpoint, method: Method, path: &str, body: Body) -> Result<Reply> {
    let unreachable = |source| Error::Unreachable {
        endpoint: endpoint.clone(),
        source,
    };
    match endpoint {
        Endpoint::Unix(socket) => {
            let stream = UnixStream::connect(socket).await.map_err(unreachable)?;
            exchange(stream, "localhost", method, path, body).await
        }
        Endpoint::Tcp(address) => {
            let stream = TcpStream::connect(address).await.map_err(unreachable)?;
            stream.set_nodelay(true).map_err(unreachable)?;
            exchange(stream, address, method, path, body).await
        }
    }
}

async fn exchange<S>(stream: S, host: &str, method: Method, path: &str, body: Body) -> Result<Reply>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host);
    let (request, body) = match body {
        Body::Empty => (request, boxed(Full::default())),
        Body::Bytes(bytes) => (request, boxed(Full::new(bytes))),
        Body::Json(bytes) => (
            request.header(header::CONTENT_TYPE, "application/json"),
            boxed(Full::new(bytes)),
        ),
        Body::Reader(reader) => (request, ReaderBody(reader).boxed_unsync()),
    };
    let request = request
        .body(body)
        .map_err(|error| Error::Protocol(error.to_string()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // The connection ends by itself when sender and answer are gone; its error is the exchange's too.
    tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    if status.is_success() {
        return Ok(Reply { response });
    }
    let bytes = response.into_body().collect().await?.to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| {
        ErrorBody::new(
            ErrorCode::Unknown,
            format!("the daemon answered with status {status}"),
        )
    });
    Err(Error::Refused {
        status: status.as_u16(),
        body,
    })
}

fn boxed(body: Full<Bytes>) -> http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error> {
    body.map_err(|never| match never {}).boxed_unsync()
}
