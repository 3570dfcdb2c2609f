//! [`Client`]: one method per call of the API.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

use crate::connection::{Connection, Failure};
use crate::error::Error;
use crate::types::{
    Action, Balloon, BootSource, Drive, Fault, Folder, InstanceInfo, Logger, MachineConfig, Metrics,
    NetworkInterface, Pmem, Serial, Version, VmState,
};

/// How long a VMM may take to answer, unless [`Client::with_timeout`] says otherwise. `InstanceStart` with gigabytes
/// of memory is the longest call.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest part of a body that is no [`Fault`] that an error repeats, in bytes.
const MAX_QUOTE_BYTES: usize = 200;

/// A client of one VMM's API socket. Clones share the connection.
///
/// Calls wait for each other, so that they reach the VMM in the order in which they were made. Every call may be
/// dropped; the next one then opens a new connection.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    timeout: Duration,
}

struct Shared {
    socket: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl Client {
    /// A client of the VMM whose API socket is `socket`. Connects with the first call.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        let shared = Shared {
            socket: socket.into(),
            connection: Mutex::new(None),
        };
        Self {
            shared: Arc::new(shared),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// The same client with another bound on how long an answer may take; the default is 10 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The API socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.shared.socket
    }

    /// Waits until the VMM listens, and keeps that connection for the calls to come. The socket's folder must exist.
    ///
    /// Whoever started the VMM should wait for its exit at the same time: a VMM that died is not noticed here before the
    /// deadline.
    ///
    /// # Errors
    ///
    /// [`Error::NotReady`] at the deadline, [`Error::Unreachable`] if the folder or the socket cannot be used.
    pub async fn wait_until_ready(&self, deadline: Instant) -> Result<(), Error> {
        let mut connection = self.shared.connection.lock().await;
        let ready = async {
            let stream = crate::ready::connect(self.socket()).await?;
            Connection::open(stream).await
        };
        match tokio::time::timeout_at(deadline.into(), ready).await {
            Ok(Ok(opened)) => {
                *connection = Some(opened);
                Ok(())
            }
            Ok(Err(source)) => Err(self.unreachable(source)),
            Err(_) => Err(Error::NotReady {
                socket: self.shared.socket.clone(),
            }),
        }
    }

    /// `GET /`: id, state and version.
    ///
    /// # Errors
    ///
    /// As every call: [`Error::Unreachable`], [`Error::Silent`], [`Error::Rejected`] or [`Error::Protocol`].
    pub async fn instance_info(&self) -> Result<InstanceInfo, Error> {
        self.get("/").await
    }

    /// `GET /version`: version of the monitor.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn version(&self) -> Result<String, Error> {
        self.get::<Version>("/version")
            .await
            .map(|version| version.firecracker_version)
    }

    /// `PUT /machine-config`: vCPUs and memory.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn put_machine_config(&self, config: &MachineConfig) -> Result<(), Error> {
        self.send(Method::PUT, "/machine-config", config).await
    }

    /// `PUT /boot-source`: kernel and command line.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn put_boot_source(&self, source: &BootSource) -> Result<(), Error> {
        self.send(Method::PUT, "/boot-source", source).await
    }

    /// `PUT /drives/{drive_id}`: adds or replaces a drive.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn put_drive(&self, drive: &Drive) -> Result<(), Error> {
        self.send(Method::PUT, &format!("/drives/{}", drive.drive_id), drive)
            .await
    }

    /// `PUT /pmem/{id}` (Firecracker 1.14 and later): adds or replaces a file that is the guest's memory.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn put_pmem(&self, pmem: &Pmem) -> Result<(), Error> {
        self.send(Method::PUT, &format!("/pmem/{}", pmem.id), pmem).await
    }

    /// `PUT /folders/{tag}`: adds or replaces a shared folder; the VMM opens it now.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info); [`Error::NoFolders`] from a VMM without virtio-fs, as Firecracker is.
    pub async fn put_folder(&self, folder: &Folder) -> Result<(), Error> {
        let path = format!("/folders/{}", folder.tag);
        match self.send(Method::PUT, &path, folder).await {
            Err(Error::Rejected { fault_message, .. })
                if fault_message.starts_with("Invalid request method and/or path") =>
            {
                Err(Error::NoFolders)
            }
            other => other,
        }
    }

    /// `PUT /balloon`.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn put_balloon(&self, balloon: &Balloon) -> Result<(), Error> {
        self.send(Method::PUT, "/balloon", balloon).await
    }

    /// `PUT /network-interfaces/{iface_id}`: adds or replaces an interface; the VMM opens the tap now.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn put_network_interface(&self, interface: &NetworkInterface) -> Result<(), Error> {
        self.send(
            Method::PUT,
            &format!("/network-interfaces/{}", interface.iface_id),
            interface,
        )
        .await
    }

    /// `PUT /actions`.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn action(&self, action: Action) -> Result<(), Error> {
        self.send(Method::PUT, "/actions", &action).await
    }

    /// `PATCH /vm`: pauses or resumes.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn patch_vm(&self, state: VmState) -> Result<(), Error> {
        self.send(Method::PATCH, "/vm", &state).await
    }

    /// `PUT /logger`.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn put_logger(&self, logger: &Logger) -> Result<(), Error> {
        self.send(Method::PUT, "/logger", logger).await
    }

    /// `PUT /metrics`.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn put_metrics(&self, metrics: &Metrics) -> Result<(), Error> {
        self.send(Method::PUT, "/metrics", metrics).await
    }

    /// `PUT /entropy`: adds the random number device.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn put_entropy(&self) -> Result<(), Error> {
        self.send(Method::PUT, "/entropy", &serde_json::Map::new()).await
    }

    /// `PUT /serial`: where the serial port writes to.
    ///
    /// # Errors
    ///
    /// See [`instance_info`](Self::instance_info).
    pub async fn put_serial(&self, serial: &Serial) -> Result<(), Error> {
        self.send(Method::PUT, "/serial", serial).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let body = self.call(Method::GET, path, Bytes::new()).await?;
        serde_json::from_slice(&body).map_err(|error| self.protocol(&Method::GET, path, error.to_string()))
    }

    async fn send<T: Serialize>(&self, method: Method, path: &str, body: &T) -> Result<(), Error> {
        let body =
            serde_json::to_vec(body).map_err(|error| self.protocol(&method, path, error.to_string()))?;
        self.call(method, path, body.into()).await.map(drop)
    }

    /// One exchange: the body of a 2xx, everything else an error.
    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Error> {
        let request = Request::builder()
            .method(method.clone())
            .uri(path)
            .header(header::HOST, "localhost")
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| self.protocol(&method, path, error.to_string()))?;
        let mut connection = self.shared.connection.lock().await;
        // Taken out, so that a call that is dropped or fails half-way takes the connection with it.
        let kept = connection.take().filter(|kept| !kept.is_closed());
        let exchange = self.exchange(kept, request);
        let (opened, answer) = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(result) => result.map_err(|failure| self.failed(&method, path, failure))?,
            Err(_) => {
                let (socket, request) = (self.shared.socket.clone(), format!("{method} {path}"));
                return Err(Error::Silent {
                    socket,
                    request,
                    after: self.timeout,
                });
            }
        };
        *connection = Some(opened);
        let (status, body) = answer;
        if status.is_success() {
            Ok(body)
        } else {
            Err(rejected(&method, path, status, &body))
        }
    }

    /// Sends on the connection that was kept. One that the server had closed between two calls, so that nothing of the
    /// request was written, is replaced, once.
    async fn exchange(
        &self,
        kept: Option<Connection>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Connection, (StatusCode, Bytes)), Broken> {
        if let Some(mut connection) = kept {
            match connection.exchange(request).await {
                Ok(answer) => return Ok((connection, answer)),
                Err(Failure::NotSent(unsent, _)) => request = *unsent,
                Err(Failure::Broken(detail)) => return Err(Broken::Answer(detail)),
            }
        }
        let mut connection = Connection::connect(self.socket()).await.map_err(Broken::Socket)?;
        match connection.exchange(request).await {
            Ok(answer) => Ok((connection, answer)),
            Err(Failure::NotSent(_, error)) => Err(Broken::Socket(io::Error::other(error))),
            Err(Failure::Broken(detail)) => Err(Broken::Answer(detail)),
        }
    }

    fn failed(&self, method: &Method, path: &str, failure: Broken) -> Error {
        match failure {
            Broken::Socket(source) => self.unreachable(source),
            Broken::Answer(detail) => self.protocol(method, path, detail),
        }
    }

    fn unreachable(&self, source: io::Error) -> Error {
        Error::Unreachable {
            socket: self.shared.socket.clone(),
            source,
        }
    }

    fn protocol(&self, method: &Method, path: &str, detail: String) -> Error {
        Error::Protocol {
            socket: self.shared.socket.clone(),
            request: format!("{method} {path}"),
            detail,
        }
    }
}

/// Where an exchange broke.
enum Broken {
    Socket(io::Error),
    Answer(String),
}

fn rejected(method: &Method, path: &str, status: StatusCode, body: &[u8]) -> Error {
    let fault_message = serde_json::from_slice::<Fault>(body).map_or_else(
        |_| String::from_utf8_lossy(&body[..body.len().min(MAX_QUOTE_BYTES)]).into_owned(),
        |fault| fault.fault_message,
    );
    Error::Rejected {
        request: format!("{method} {path}"),
        status: status.as_u16(),
        fault_message,
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("socket", &self.shared.socket)
            .finish_non_exhaustive()
    }
}
