//! The registry as a service.
//!
//! | request | does |
//! |---|---|
//! | `GET /:key` | the value, or one of the instances, as text; 404 `Key not found` |
//! | `POST /:key` `{"value": ..}` | sets a key that has no value yet, and leaves one that has |
//! | `PUT /:key` `{"value": .., "ttl": SECONDS}` | sets it, for ever without `ttl` |
//! | `DELETE /:key` | removes it with its instances |
//! | `GET /:key/instances` | all that the key points to, as a JSON list |
//! | `PUT /:key/instances/:instance` `{"ttl": SECONDS}` | announces an instance |
//! | `DELETE /:key/instances/:instance` | withdraws it |
//! | `GET /` | everything |
//!
//! Bodies are JSON or forms. A `GET` with `?index=N&wait=SECONDS` is a watch: it is answered when the header `x-index` would no
//! longer be `N`, or when the time is over.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
    routing::{get, put},
};
use http::{HeaderName, StatusCode};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::store::{Listed, Store, StoreError};
use crate::http::{Refusal, body::Body, server::stopping};

/// Header that says of which moment an answer is.
pub const INDEX: HeaderName = HeaderName::from_static("x-index");
/// How long a watch waits at most.
const WAIT: Duration = Duration::from_secs(30);
/// Lives are between these; longer ones are for those who set no end.
const TTL: std::ops::RangeInclusive<f64> = 0.1..=86_400.0;

#[derive(Debug, Default, Deserialize)]
struct SetBody {
    value: Option<serde_json::Value>,
    #[serde(default)]
    ttl: Option<serde_json::Value>,
}

impl SetBody {
    /// The value as text: what is no string is its JSON.
    fn value(&self) -> Result<String, Refusal> {
        match &self.value {
            Some(serde_json::Value::String(text)) => Ok(text.clone()),
            Some(other) => Ok(other.to_string()),
            None => Err(Refusal::bad_request("the body has no \"value\"")),
        }
    }

    /// Seconds, as a number or, in a form, as its digits.
    fn ttl(&self) -> Result<Option<Duration>, Refusal> {
        let seconds = match &self.ttl {
            None => return Ok(None),
            Some(serde_json::Value::String(text)) => text.parse().ok(),
            Some(other) => other.as_f64(),
        };
        let seconds = seconds.filter(|seconds| TTL.contains(seconds));
        let text = format!("\"ttl\" is seconds, from {} to {}", TTL.start(), TTL.end());
        let seconds = seconds.ok_or_else(|| Refusal::bad_request(text))?;
        Ok(Some(Duration::from_secs_f64(seconds)))
    }
}

#[derive(Debug, Default, Deserialize)]
struct Watch {
    index: Option<u64>,
    #[serde(default)]
    wait: u64,
}

impl Watch {
    /// Waits for a change, if that was asked for; then the index to be told.
    async fn wait(&self, store: &Store) -> u64 {
        if let Some(known) = self.index {
            let most = Duration::from_secs(self.wait).min(WAIT);
            // At the end of the time, or of the registry, the answer is what is there.
            let changed = tokio::time::timeout(most, store.changed(known));
            let _ = stopping().run_until_cancelled(changed).await;
        }
        store.index()
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let status = match error {
            StoreError::Full => StatusCode::INSUFFICIENT_STORAGE,
            StoreError::Name | StoreError::Value => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.to_string())
    }
}

/// The registry's routes.
pub fn routes(store: Arc<Store>) -> Router {
    Router::new()
        .route("/", get(list))
        .route("/{key}", get(value).post(set_absent).put(set).delete(delete))
        .route("/{key}/instances", get(instances))
        .route("/{key}/instances/{instance}", put(announce).delete(withdraw))
        .with_state(store)
}

/// Forgets what has ended at the moment it ends, so that watchers hear of it.
pub async fn sweep(store: Arc<Store>, stop: CancellationToken) {
    loop {
        let index = store.index();
        let next = store.sweep(Instant::now());
        let end = async {
            match next {
                Some(end) => tokio::time::sleep_until(end.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = end => {}
            // Something may end earlier now.
            () = store.changed(index) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn list(State(store): State<Arc<Store>>, Query(watch): Query<Watch>) -> Response {
    let index = watch.wait(&store).await;
    let listed: BTreeMap<String, Listed> = store.list(Instant::now());
    ([(INDEX, index)], Json(listed)).into_response()
}

async fn value(
    State(store): State<Arc<Store>>,
    Path(key): Path<String>,
    Query(watch): Query<Watch>,
) -> Response {
    let index = watch.wait(&store).await;
    let answer = match store.get(&key, Instant::now()) {
        Some(value) => value.into_response(),
        None => Refusal::not_found("Key not found").into_response(),
    };
    ([(INDEX, index)], answer).into_response()
}

async fn instances(
    State(store): State<Arc<Store>>,
    Path(key): Path<String>,
    Query(watch): Query<Watch>,
) -> Response {
    let index = watch.wait(&store).await;
    let instances = store.instances(&key, Instant::now());
    ([(INDEX, index)], Json(instances)).into_response()
}

async fn set_absent(
    State(store): State<Arc<Store>>,
    Path(key): Path<String>,
    Body(body): Body<SetBody>,
) -> Result<(), Refusal> {
    let value = body.value()?;
    if store.set_absent(&key, value, Instant::now())? {
        tracing::info!(key, "set");
    }
    Ok(())
}

async fn set(
    State(store): State<Arc<Store>>,
    Path(key): Path<String>,
    Body(body): Body<SetBody>,
) -> Result<(), Refusal> {
    Ok(store.set(&key, body.value()?, body.ttl()?, Instant::now())?)
}

async fn delete(State(store): State<Arc<Store>>, Path(key): Path<String>) -> Result<(), Refusal> {
    if store.delete(&key, Instant::now()) {
        return Ok(());
    }
    Err(Refusal::not_found("Key not found"))
}

async fn announce(
    State(store): State<Arc<Store>>,
    Path((key, instance)): Path<(String, String)>,
    Body(body): Body<SetBody>,
) -> Result<(), Refusal> {
    let ttl = body.ttl()?;
    let ttl = ttl.ok_or_else(|| Refusal::bad_request("an instance needs a \"ttl\""))?;
    Ok(store.announce(&key, &instance, ttl, Instant::now())?)
}

async fn withdraw(
    State(store): State<Arc<Store>>,
    Path((key, instance)): Path<(String, String)>,
) -> Result<(), Refusal> {
    if store.withdraw(&key, &instance, Instant::now()) {
        return Ok(());
    }
    Err(Refusal::not_found("Instance not found"))
}
