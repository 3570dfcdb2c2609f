//! Routes of the daemon itself and of its pool.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use uigniter_api::{
    openapi,
    pool::{Pool, ResizeRequest},
    system::{Health, Version},
};

use super::{
    body::{answer, json, with_type},
    routes::Call,
};
use crate::{host::Host, pool::LARGEST, refusal::Refusal};

pub(super) fn health(host: &Arc<Host>) -> Result<Response, Refusal> {
    if host.stopping.is_cancelled() {
        return Err(Refusal::ShuttingDown);
    }
    answer(StatusCode::OK, &Health { ok: true })
}

pub(super) fn metrics(host: &Arc<Host>) -> Response {
    let text = host
        .metrics
        .render(&host.registry.list(), host.pool.ready(), host.pool.size());
    with_type(StatusCode::OK, "text/plain; version=0.0.4", text.into())
}

pub(super) fn openapi() -> Result<Response, Refusal> {
    answer(StatusCode::OK, &openapi::document())
}

pub(super) fn version(host: &Arc<Host>) -> Result<Response, Refusal> {
    let version = Version {
        version: env!("CARGO_PKG_VERSION").into(),
        api: "v1".into(),
        kernel: host.kernel.describe(),
        vmm: host.config.monitor.name().into(),
        pid: std::process::id(),
        network_namespace: host.config.network_name.clone(),
    };
    answer(StatusCode::OK, &version)
}

pub(super) fn pool(host: &Arc<Host>) -> Result<Response, Refusal> {
    let pool = Pool {
        size: host.pool.size(),
        ready: host.pool.ready(),
        hits: host.metrics.pool_hits.get(),
        misses: host.metrics.pool_misses.get(),
    };
    answer(StatusCode::OK, &pool)
}

pub(super) async fn resize_pool(host: &Arc<Host>, call: Call) -> Result<Response, Refusal> {
    let ResizeRequest { size } = json(call.body).await?;
    if size > LARGEST {
        return Err(Refusal::Invalid(format!(
            "size {size} is too large; give {LARGEST} or less"
        )));
    }
    host.pool.resize(size);
    pool(host)
}
