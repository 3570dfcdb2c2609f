//! Routes of volumes.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;

use super::{
    body::{answer, empty, json},
    routes::Call,
};
use crate::{host::Host, refusal::Refusal, volumes};

pub(super) fn list(host: &Arc<Host>) -> Result<Response, Refusal> {
    answer(StatusCode::OK, &host.volumes.list(&host.registry.list())?)
}

pub(super) async fn create(host: &Arc<Host>, call: Call) -> Result<Response, Refusal> {
    let request = json(call.body).await?;
    answer(StatusCode::CREATED, &volumes::create(host, request).await?)
}

pub(super) fn get(host: &Arc<Host>, call: &Call) -> Result<Response, Refusal> {
    let volume = host.volumes.get(call.segment("name"), &host.registry.list())?;
    answer(StatusCode::OK, &volume)
}

pub(super) fn delete(host: &Arc<Host>, call: &Call) -> Result<Response, Refusal> {
    volumes::delete(host, call.segment("name"))?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) fn prune(host: &Arc<Host>) -> Result<Response, Refusal> {
    answer(StatusCode::OK, &volumes::prune(host)?)
}
