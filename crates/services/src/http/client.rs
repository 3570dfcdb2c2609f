//! Calls to other services.
//!
//! Connections are kept and used again. A call ends at the caller's own limit or at the deadline of the request that it serves,
//! whichever comes first, and tells the other side how long that is; answers are read up to a limit. hyper-util's client is used
//! as it is: reqwest would bring cookies, redirects and a second URL type that no service needs.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

use crate::trace::{Context, TIMEOUT, TRACEPARENT};

/// Time for a connection; services are close to each other.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);
/// Answers that are not pictures.
pub const SMALL: usize = 1 << 20;

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// There was no connection, so nothing was asked.
    #[error("nobody answers at {endpoint} ({reason}); is the service up?")]
    Unreachable {
        /// `host:port`.
        endpoint: String,
        /// What the connector said.
        reason: String,
    },
    /// The connection broke, perhaps after the request was carried out.
    #[error("{endpoint} broke off ({reason})")]
    Broken {
        /// `host:port`.
        endpoint: String,
        /// What the connection said.
        reason: String,
    },
    /// The deadline passed.
    #[error("{endpoint} did not answer within {} ms", .after.as_millis())]
    Late {
        /// `host:port`.
        endpoint: String,
        /// How long it was waited for.
        after: Duration,
    },
    /// Not an address, or a header that cannot be sent.
    #[error("cannot ask {endpoint}: {reason}")]
    Request {
        /// `host:port`, as it was given.
        endpoint: String,
        /// What is wrong.
        reason: String,
    },
}

impl CallError {
    /// Whether the other side cannot have seen the request.
    #[must_use]
    pub const fn never_sent(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Request { .. })
    }
}

/// What a service answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text, whatever it is.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, where it is text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A request to be made; cheap to clone, so that it can be made again.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    /// Path and query.
    path: String,
    headers: HeaderMap,
    body: Bytes,
    most: Duration,
    limit: usize,
}

impl Call {
    /// A request without a body, for a small answer within five seconds.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            most: Duration::from_secs(5),
            limit: SMALL,
        }
    }

    /// `GET`.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    /// `POST`.
    #[must_use]
    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    /// With a body of that type.
    #[must_use]
    pub fn body(mut self, kind: &HeaderValue, body: Bytes) -> Self {
        self.headers.insert(CONTENT_TYPE, kind.clone());
        self.body = body;
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &serde_json::Value) -> Self {
        let kind = HeaderValue::from_static("application/json");
        self.body(&kind, body.to_string().into())
    }

    /// With a header more.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Waiting at most so long.
    #[must_use]
    pub const fn within(mut self, most: Duration) -> Self {
        self.most = most;
        self
    }

    /// For an answer of up to `limit` bytes.
    #[must_use]
    pub const fn up_to(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// A client with its connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    http: legacy::Client<HttpConnector, Full<Bytes>>,
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl Client {
    /// A client without connections yet.
    #[must_use]
    pub fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let http = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Self { http }
    }

    /// Asks the service at `endpoint` (`host:port`).
    ///
    /// # Errors
    ///
    /// There is no answer in time; see [`CallError`]. An answer that says no is an [`Answer`].
    pub async fn call(&self, endpoint: &str, call: Call) -> Result<Answer, CallError> {
        let context = Context::current();
        let after = context.map_or(call.most, |context| context.left(call.most));
        let limit = call.limit;
        let request = request(endpoint, call, context, after)?;
        let work = async {
            let response = self
                .http
                .request(request)
                .await
                .map_err(|error| failure(endpoint, &error))?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, limit).collect().await;
            let body = body.map_err(|error| CallError::Broken {
                endpoint: endpoint.to_owned(),
                reason: error.to_string(),
            })?;
            Ok(Answer {
                status: head.status,
                headers: head.headers,
                body: body.to_bytes(),
            })
        };
        timeout(after, work).await.unwrap_or_else(|_| {
            Err(CallError::Late {
                endpoint: endpoint.to_owned(),
                after,
            })
        })
    }
}

fn request(
    endpoint: &str,
    call: Call,
    context: Option<Context>,
    after: Duration,
) -> Result<Request<Full<Bytes>>, CallError> {
    let wrong = |reason: String| CallError::Request {
        endpoint: endpoint.to_owned(),
        reason,
    };
    let uri = format!("http://{endpoint}{}", call.path);
    let mut request = Request::builder()
        .method(call.method)
        .uri(uri)
        .body(Full::new(call.body))
        .map_err(|error| wrong(error.to_string()))?;
    let headers = request.headers_mut();
    headers.extend(call.headers);
    headers.insert(
        TIMEOUT,
        HeaderValue::from(u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
    );
    if let Some(context) = context
        && let Ok(trace) = HeaderValue::from_str(&context.trace.to_string())
    {
        headers.insert(TRACEPARENT, trace);
    }
    Ok(request)
}

fn failure(endpoint: &str, error: &legacy::Error) -> CallError {
    let mut reason = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        reason = cause.to_string();
        source = cause.source();
    }
    let endpoint = endpoint.to_owned();
    if error.is_connect() {
        CallError::Unreachable { endpoint, reason }
    } else {
        CallError::Broken { endpoint, reason }
    }
}
