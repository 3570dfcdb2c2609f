//! The router, made from the API's table of routes: what is in the table is served, and nothing else.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    response::Response,
    routing::{MethodFilter, on},
};
use http::header;
use uigniter_api::openapi::{Method, Operation, ROUTES};

use super::{body, images, input, instances, system, volumes};
use crate::{host::Host, refusal::Refusal};

/// A request that has found its route.
#[derive(Debug)]
pub(super) struct Call {
    /// Variable segments of the path.
    segments: HashMap<String, String>,
    pub(super) uri: http::Uri,
    pub(super) body: Body,
}

impl Call {
    /// A variable segment, decoded.
    pub(super) fn segment(&self, name: &str) -> &str {
        self.segments.get(name).map_or("", String::as_str)
    }
}

pub(super) fn router(host: &Arc<Host>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let filter = match route.method {
            Method::Get => MethodFilter::GET,
            Method::Post => MethodFilter::POST,
            Method::Put => MethodFilter::PUT,
            Method::Delete => MethodFilter::DELETE,
        };
        let operation = route.operation;
        let handler =
            move |State(host): State<Arc<Host>>,
                  Path(segments): Path<HashMap<String, String>>,
                  request: Request| async move { handle(&host, operation, segments, request).await };
        router = router.route(route.path, on(filter, handler));
    }
    router
        .method_not_allowed_fallback(async |request: Request| {
            body::refused(&Refusal::NoMethod(request.uri().path().to_owned()))
        })
        .fallback(async |request: Request| body::refused(&Refusal::NoRoute(request.uri().path().to_owned())))
        .with_state(Arc::clone(host))
}

async fn handle(
    host: &Arc<Host>,
    operation: Operation,
    segments: HashMap<String, String>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let result = if head.headers.contains_key(header::ORIGIN) {
        Err(Refusal::Forbidden)
    } else {
        dispatch(
            host,
            operation,
            Call {
                segments,
                uri: head.uri,
                body,
            },
        )
        .await
    };
    let response = result.unwrap_or_else(|refusal| body::refused(&refusal));
    host.metrics
        .answered(&format!("{operation:?}"), response.status().as_u16());
    response
}

async fn dispatch(host: &Arc<Host>, operation: Operation, call: Call) -> Result<Response, Refusal> {
    match operation {
        Operation::VmRun | Operation::VmCreate => instances::run_first(host, call).await,
        Operation::VmStop => instances::stop_first(host, call).await,
        Operation::Health => system::health(host),
        Operation::Metrics => Ok(system::metrics(host)),
        Operation::OpenApi => system::openapi(),
        Operation::Version => system::version(host),
        Operation::InstanceList => instances::list(host),
        Operation::InstanceCreate => instances::create(host, call).await,
        Operation::InstanceGet => instances::get(host, &call),
        Operation::InstanceDelete => instances::delete(host, call).await,
        Operation::InstanceStop => instances::stop(host, call).await,
        Operation::InstanceKill => instances::kill(host, call).await,
        Operation::InstancePause => instances::pause(host, call).await,
        Operation::InstanceResume => instances::resume(host, call).await,
        Operation::InstanceWait => instances::wait(host, call).await,
        Operation::InstanceLogs => instances::logs(host, &call),
        Operation::InstanceConsole => instances::console(host, &call),
        Operation::InstanceInput => input::post(host, call).await,
        Operation::InstanceStats => instances::stats(host, &call),
        Operation::ImageList => images::list(host).await,
        Operation::ImageImport => images::import(host, call).await,
        Operation::ImageGet => images::get(host, call).await,
        Operation::ImageDelete => images::delete(host, call).await,
        Operation::ImageTag => images::tag(host, call).await,
        Operation::ImageFiles => images::files(host, call).await,
        Operation::ImageFile => images::file(host, call).await,
        Operation::ImageDiff => images::diff(host, call).await,
        Operation::ImageDisk => images::disk(host, call).await,
        Operation::ImagePrune => images::prune(host, call).await,
        Operation::VolumeList => volumes::list(host),
        Operation::VolumeCreate => volumes::create(host, call).await,
        Operation::VolumeGet => volumes::get(host, &call),
        Operation::VolumeDelete => volumes::delete(host, &call),
        Operation::VolumePrune => volumes::prune(host),
        Operation::PoolGet => system::pool(host),
        Operation::PoolResize => system::resize_pool(host, call).await,
    }
}
