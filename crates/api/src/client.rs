//! An asynchronous client of the API, over a Unix socket or TCP.
//!
//! Every call makes a connection of its own: on a Unix socket that costs some tens of microseconds, and no call can be
//! held up by another one's stream.

mod images;
mod stream;
mod transport;

use std::{io, path::PathBuf};

use http::Method;
use serde::{Serialize, de::DeserializeOwned};
use tokio::io::AsyncRead;

pub use stream::ByteStream;
pub use transport::Endpoint;
use transport::{Body, Reply};

use crate::{
    error::{ErrorBody, ErrorCode},
    instance::{CreateRequest, DeleteQuery, Exit, InputQuery, Instance, LogsQuery, Stats, StopRequest},
    pool::{Pool, ResizeRequest},
    system::{Health, Version},
    vm::{RunRequest, RunResponse},
    volume::{Volume, VolumeRequest},
};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody answers at the endpoint.
    #[error("no daemon answers on {endpoint} ({source}); start one with 'uigniter daemon'")]
    Unreachable {
        /// Where the daemon was looked for.
        endpoint: Endpoint,
        /// What the connection said.
        source: io::Error,
    },
    /// The daemon refused; its own line.
    #[error("{}", .body.error.message)]
    Refused {
        /// HTTP status.
        status: u16,
        /// The daemon's error body.
        body: ErrorBody,
    },
    /// The connection broke while the answer came.
    #[error("the connection to the daemon broke: {0}")]
    Broken(#[from] hyper::Error),
    /// An answer that is not this API's.
    #[error("the daemon's answer is not understood ({0}); are client and daemon of the same version?")]
    Protocol(String),
    /// The file to be sent cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// The daemon's code, where it was the daemon that refused.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused { body, .. } => Some(body.error.code),
            _ => None,
        }
    }
}

/// Answers of this client.
pub type Result<T> = std::result::Result<T, Error>;

/// A client; cheap to clone, holds no connection.
///
/// ```no_run
/// # async fn demo() -> uigniter_api::client::Result<()> {
/// use uigniter_api::{Client, Endpoint, instance::CreateRequest};
/// let client = Client::new(Endpoint::Unix("/run/uigniter/uigniter.sock".into()));
/// let instance = client.create_instance(&CreateRequest::new("hello")).await?;
/// let exit = client.wait_instance(&instance.id).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Endpoint,
}

impl Client {
    /// A client of the daemon at `endpoint`.
    #[must_use]
    pub const fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    /// Where the daemon is looked for.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// `GET /healthz`.
    ///
    /// # Errors
    ///
    /// As every call here: the daemon does not answer, or refuses; see [`Error`].
    pub async fn health(&self) -> Result<Health> {
        self.get("/healthz").await
    }

    /// `GET /v1/version`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn version(&self) -> Result<Version> {
        self.get("/v1/version").await
    }

    /// `GET /metrics`: Prometheus text.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn metrics(&self) -> Result<String> {
        let reply = self.call(Method::GET, "/metrics", Body::Empty).await?;
        String::from_utf8(reply.bytes().await?.to_vec()).map_err(|error| Error::Protocol(error.to_string()))
    }

    /// `GET /openapi.json`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn openapi(&self) -> Result<serde_json::Value> {
        self.get("/openapi.json").await
    }

    /// `POST /vm/run`: the first Uigniter's way.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn run_vm(&self, request: &RunRequest) -> Result<RunResponse> {
        self.post("/vm/run", request).await
    }

    /// `POST /vm/{id}/stop`: the first Uigniter's way.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn stop_vm(&self, id: &str) -> Result<()> {
        self.call(Method::POST, &format!("/vm/{}/stop", segment(id)), Body::Empty)
            .await
            .map(drop)
    }

    /// `POST /v1/instances`: creates and starts.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn create_instance(&self, request: &CreateRequest) -> Result<Instance> {
        self.post("/v1/instances", request).await
    }

    /// `GET /v1/instances`: all of them, oldest first.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_instances(&self) -> Result<Vec<Instance>> {
        self.get("/v1/instances").await
    }

    /// `GET /v1/instances/{id}`; `id` may be the name, here and below.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn get_instance(&self, id: &str) -> Result<Instance> {
        self.get(&instance(id, "")).await
    }

    /// `POST /v1/instances/{id}/stop`: returns when the instance has ended.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn stop_instance(&self, id: &str, request: &StopRequest) -> Result<Instance> {
        self.post(&instance(id, "/stop"), request).await
    }

    /// `POST /v1/instances/{id}/kill`: ends it at once; returns when it has ended.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn kill_instance(&self, id: &str) -> Result<Instance> {
        self.call(Method::POST, &instance(id, "/kill"), Body::Empty)
            .await?
            .json()
            .await
    }

    /// `POST /v1/instances/{id}/pause`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn pause_instance(&self, id: &str) -> Result<Instance> {
        self.call(Method::POST, &instance(id, "/pause"), Body::Empty)
            .await?
            .json()
            .await
    }

    /// `POST /v1/instances/{id}/resume`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn resume_instance(&self, id: &str) -> Result<Instance> {
        self.call(Method::POST, &instance(id, "/resume"), Body::Empty)
            .await?
            .json()
            .await
    }

    /// `DELETE /v1/instances/{id}`; `force` kills a running one first.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn delete_instance(&self, id: &str, force: bool) -> Result<()> {
        let path = with_query(&instance(id, ""), &DeleteQuery { force })?;
        self.call(Method::DELETE, &path, Body::Empty).await.map(drop)
    }

    /// `POST /v1/instances/{id}/wait`: returns when the instance has ended.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn wait_instance(&self, id: &str) -> Result<Exit> {
        self.call(Method::POST, &instance(id, "/wait"), Body::Empty)
            .await?
            .json()
            .await
    }

    /// `GET /v1/instances/{id}/logs`: the console's bytes, as they come.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn logs(&self, id: &str, query: &LogsQuery) -> Result<ByteStream> {
        let path = with_query(&instance(id, "/logs"), query)?;
        Ok(ByteStream::new(self.call(Method::GET, &path, Body::Empty).await?))
    }

    /// `GET /v1/instances/{id}/console`: what the console says from now on, until the instance ends.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn console(&self, id: &str) -> Result<ByteStream> {
        Ok(ByteStream::new(
            self.call(Method::GET, &instance(id, "/console"), Body::Empty)
                .await?,
        ))
    }

    /// `POST /v1/instances/{id}/console`: input for the program, sent as it comes, at the pace at which it is read there; returns when all is on
    /// its way to the program.
    ///
    /// # Errors
    ///
    /// See [`Error`]; code [`ErrorCode::WrongState`] where the instance has ended, is not interactive, or has had the end of its input.
    pub async fn send_input(
        &self,
        id: &str,
        query: &InputQuery,
        input: impl AsyncRead + Send + 'static,
    ) -> Result<()> {
        let path = with_query(&instance(id, "/console"), query)?;
        self.call(Method::POST, &path, Body::reader(input))
            .await
            .map(drop)
    }

    /// `GET /v1/instances/{id}/stats`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn stats(&self, id: &str) -> Result<Stats> {
        self.get(&instance(id, "/stats")).await
    }

    /// `GET /v1/volumes`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_volumes(&self) -> Result<Vec<Volume>> {
        self.get("/v1/volumes").await
    }

    /// `POST /v1/volumes`.
    ///
    /// # Errors
    ///
    /// See [`Error`]; code [`ErrorCode::VolumeExists`] where the name is taken.
    pub async fn create_volume(&self, request: &VolumeRequest) -> Result<Volume> {
        self.post("/v1/volumes", request).await
    }

    /// `GET /v1/volumes/{name}`.
    ///
    /// # Errors
    ///
    /// See [`Error`]; code [`ErrorCode::VolumeNotFound`] where there is none.
    pub async fn get_volume(&self, name: &str) -> Result<Volume> {
        self.get(&format!("/v1/volumes/{}", segment(name))).await
    }

    /// `DELETE /v1/volumes/{name}`.
    ///
    /// # Errors
    ///
    /// See [`Error`]; code [`ErrorCode::VolumeInUse`] while an instance uses it.
    pub async fn delete_volume(&self, name: &str) -> Result<()> {
        let path = format!("/v1/volumes/{}", segment(name));
        self.call(Method::DELETE, &path, Body::Empty).await.map(drop)
    }

    /// `POST /v1/volumes/prune`: gives the names of those that are gone.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn prune_volumes(&self) -> Result<Vec<String>> {
        self.call(Method::POST, "/v1/volumes/prune", Body::Empty)
            .await?
            .json()
            .await
    }

    /// `GET /v1/pool`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn pool(&self) -> Result<Pool> {
        self.get("/v1/pool").await
    }

    /// `PUT /v1/pool`: how many microVMs shall wait.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn resize_pool(&self, size: u32) -> Result<Pool> {
        let body = Body::json(&ResizeRequest { size })?;
        self.call(Method::PUT, "/v1/pool", body).await?.json().await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        self.call(Method::GET, path, Body::Empty).await?.json().await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, request: &impl Serialize) -> Result<T> {
        self.call(Method::POST, path, Body::json(request)?)
            .await?
            .json()
            .await
    }

    async fn call(&self, method: Method, path: &str, body: Body) -> Result<Reply> {
        transport::call(&self.endpoint, method, path, body).await
    }
}

fn instance(id: &str, rest: &str) -> String {
    format!("/v1/instances/{}{rest}", segment(id))
}

/// One path segment: everything but RFC 3986's unreserved characters is escaped.
fn segment(text: &str) -> String {
    use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~')
        .remove(b':');
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// `path?key=value&...` from a flat structure.
fn with_query(path: &str, query: &impl Serialize) -> Result<String> {
    let value = serde_json::to_value(query).map_err(|error| Error::Protocol(error.to_string()))?;
    let mut text = path.to_owned();
    for (index, (key, value)) in value.as_object().into_iter().flatten().enumerate() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), ToOwned::to_owned);
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(&format!("{key}={}", segment(&value)));
    }
    Ok(text)
}
