//! A service's server: one loop that accepts, and what stands before every handler.
//!
//! What a client may take is bounded: connections, the time for a request's head, the time for the whole answer, and how long it may
//! not read. `axum::serve` has none of these, so hyper is driven directly. On the token's word the server accepts no more, lets
//! what is under way end, and returns.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, Uri, header::CONTENT_TYPE};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, timeout},
};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{Refusal, linger::Lingering};
use crate::{
    telemetry::Metrics,
    trace::{Context, TRACEPARENT},
};

/// Time for a request's head.
const HEAD: Duration = Duration::from_secs(10);
/// Time in which a client must have taken something of an answer.
const STALL: Duration = Duration::from_secs(30);
/// Time for what is under way when the service is told to stop.
const DRAIN: Duration = Duration::from_secs(10);

tokio::task_local! {
    static STOPPING: CancellationToken;
}

/// Cancelled when the server that runs this handler is told to stop: whoever waits for something to happen answers then.
#[must_use]
pub fn stopping() -> CancellationToken {
    STOPPING.try_with(CancellationToken::clone).unwrap_or_default()
}

/// What a server grants its clients.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; more wait in the kernel's backlog.
    pub connections: usize,
    /// From a request's head to its answer's.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1024,
            answer: Duration::from_secs(60),
        }
    }
}

/// What stands before each handler.
#[derive(Clone, Debug)]
struct Front {
    service: &'static str,
    metrics: Metrics,
    limits: Limits,
    stop: CancellationToken,
}

/// Opens the listening socket. Apart from [`serve`], since a service tells others its port before it answers.
///
/// # Errors
///
/// The address is taken or not this machine's.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))
}

/// Serves `routes` and, beside them, `/healthz` and `/metrics`, until `stop`.
pub async fn serve(
    listener: TcpListener,
    service: &'static str,
    routes: Router,
    metrics: Metrics,
    limits: Limits,
    stop: CancellationToken,
) {
    let front = Front {
        service,
        metrics: metrics.clone(),
        limits,
        stop: stop.clone(),
    };
    let app = routes
        .route("/healthz", get(move || async move { healthy(service) }))
        .route("/metrics", get(exposition).with_state(metrics.clone()))
        .layer(middleware::from_fn_with_state(Arc::new(front), stand_before));
    let app = TowerToHyperService::new(app);
    let slots = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    loop {
        let Some((stream, slot)) = stop.run_until_cancelled(accept(&listener, &slots)).await else {
            break;
        };
        let app = app.clone();
        let mut server = http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD.min(limits.answer));
        let connection = server.serve_connection(TokioIo::new(Box::pin(bounded(stream))), Slashless(app));
        let connection = graceful.watch(connection);
        let open = metrics.connections.clone();
        open.inc();
        tokio::spawn(async move {
            // How a client's connection ends is the client's business.
            let _ = connection.await;
            open.dec();
            drop(slot);
        });
    }
    drop(listener);
    if timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were cut off: they did not end in {DRAIN:?}");
    }
}

/// The next connection, once there is room for it.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, Option<tokio::sync::OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, slot),
            Err(error) => {
                // Out of descriptors, or the client went already: neither ends the service.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// A connection whose peer must read what it asked for.
fn bounded(stream: TcpStream) -> TimeoutStream<TcpStream> {
    // Answers are small and go out at once.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALL));
    stream
}

/// `/key/` is `/key`, as the first system's express had it.
#[derive(Clone, Debug)]
struct Slashless<S>(S);

impl<S> hyper::service::Service<http::Request<Incoming>> for Slashless<S>
where
    S: hyper::service::Service<http::Request<Incoming>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: http::Request<Incoming>) -> S::Future {
        if let Some(uri) = without_slash(request.uri()) {
            *request.uri_mut() = uri;
        }
        self.0.call(request)
    }
}

fn without_slash(uri: &Uri) -> Option<Uri> {
    let shorter = uri.path().strip_suffix('/').filter(|path| path.len() > 1)?;
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("{shorter}{query}").parse().ok()
}

fn healthy(service: &'static str) -> impl IntoResponse {
    axum::Json(serde_json::json!({ "status": "ok", "service": service }))
}

async fn exposition(State(metrics): State<Metrics>) -> impl IntoResponse {
    metrics.refresh().await;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], metrics.text())
}

/// Trace, deadline, log line and counters of a request.
async fn stand_before(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |route| route.as_str().to_owned());
    let context = Context::of(request.headers(), front.limits.answer);
    let span = tracing::info_span!("request", service = front.service, trace_id = context.trace.id());
    let limit = context.left(front.limits.answer);
    let request = request.map(Lingering::body);
    let work = STOPPING.scope(front.stop.clone(), context.scope(next.run(request)));
    let work = timeout(limit, work).instrument(span.clone());
    let mut response = work.await.unwrap_or_else(|_| {
        let message = format!("no answer within {} ms", limit.as_millis());
        Refusal::new(http::StatusCode::GATEWAY_TIMEOUT, message).into_response()
    });
    let status = response.status();
    let took = begin.elapsed();
    front.metrics.request(&method, &route, status.as_u16(), took);
    let (status, ms) = (
        status.as_u16(),
        u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    );
    span.in_scope(|| match (status, route.as_str()) {
        (500.., _) => tracing::warn!(%method, path, status, ms, "answered"),
        (_, "/healthz" | "/metrics") => tracing::trace!(%method, path, status, ms, "answered"),
        _ => tracing::debug!(%method, path, status, ms, "answered"),
    });
    // Whoever sent a request without a trace learns which one it got.
    if let Ok(value) = HeaderValue::from_str(&context.trace.to_string()) {
        response.headers_mut().entry(TRACEPARENT).or_insert(value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_at_the_end_means_nothing() {
        let without = |text: &'static str| without_slash(&Uri::from_static(text)).map(|uri| uri.to_string());
        assert_eq!(without("/key/"), Some("/key".to_owned()));
        assert_eq!(without("/key/?wait=1"), Some("/key?wait=1".to_owned()));
        assert_eq!(without("/key"), None);
        assert_eq!(without("/"), None);
    }
}
