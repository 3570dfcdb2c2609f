//! The master's routes.
//!
//! | request | does |
//! |---|---|
//! | `POST /task` (multipart `image`, and `type` and its parameters) | makes a task, stores the picture, marks it ready; its id as text |
//! | `GET /task/:id` | the scheduler's |
//! | `GET /task/:id/download[?version=V]` | the result, once it is there; before, and for workers, the original |
//! | `GET /task/:id/ready` | `true` once the result is there |
//! | `GET /task/next[?wait=SECONDS]`, `POST /task/:id/finish`, `/fail`, `/retry` | the scheduler's |
//! | `GET /tasks[?limit=N]` | the last changed ones of all schedulers |
//! | `GET /counts` | how many tasks are in each state, those of all schedulers together |
//! | `GET /services` | who is there, and whether they answer |

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Multipart, Path, Query, State as Shared, multipart::MultipartRejection},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{
    HeaderMap, HeaderName, Method, StatusCode,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, Full};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::{
    balance::{Pool, PoolError, Retry, pool::MemberView},
    http::{
        Answer, Refusal,
        client::Call,
        form::{self, Form, OVERHEAD},
        server::stopping,
        wait::Wait,
    },
    registry::Service,
    scheduler::{
        server::{ATTEMPT, KIND, LEASE, LEASE_MS, PARAMS, QUEUE, TaskView},
        task::State,
    },
    storage::Version,
    trace::TRACEPARENT,
};

/// For a picture to go from one service to another.
const PICTURE: Duration = Duration::from_secs(30);
/// How long one scheduler of several is waited for.
const TURN: Duration = Duration::from_millis(250);
/// Headers that go through.
const PASSED: [HeaderName; 8] = [
    CONTENT_TYPE,
    CONTENT_DISPOSITION,
    LEASE,
    LEASE_MS,
    KIND,
    PARAMS,
    ATTEMPT,
    TRACEPARENT,
];

/// What a master serves with.
#[derive(Debug)]
pub struct Master {
    /// The schedulers.
    pub scheduler: Arc<Pool>,
    /// The storages.
    pub storage: Arc<Pool>,
    /// All that are only watched.
    pub others: Vec<(Service, Arc<Pool>)>,
    /// Bytes that a picture may have.
    pub picture_bytes: usize,
    /// Pictures that may be in memory at a time.
    pub room: Arc<Semaphore>,
}

#[derive(Debug, Deserialize)]
struct Which {
    version: Option<Version>,
}

#[derive(Debug, Deserialize)]
struct ListQuery {
    limit: Option<usize>,
}

impl From<PoolError> for Refusal {
    fn from(error: PoolError) -> Self {
        let status = match error {
            PoolError::Nobody(_) => StatusCode::SERVICE_UNAVAILABLE,
            PoolError::Failed { .. } => StatusCode::BAD_GATEWAY,
        };
        Self::new(status, error.to_string())
    }
}

/// The master's routes.
pub fn routes(master: Arc<Master>) -> Router {
    let limit = DefaultBodyLimit::max(master.picture_bytes.saturating_add(OVERHEAD));
    Router::new()
        .route("/task", post(create).layer(limit))
        .route("/task/next", get(next))
        .route("/task/{id}", get(status))
        .route("/task/{id}/download", get(download))
        .route("/task/{id}/ready", get(ready))
        .route("/task/{id}/{step}", post(step))
        .route("/tasks", get(tasks))
        .route("/counts", get(counts))
        .route("/services", get(services))
        .with_state(master)
}

/// An answer, passed on.
fn pass(answer: Answer) -> Response {
    let headers = PASSED.into_iter().filter_map(|name| {
        let value = answer.headers.get(&name)?.clone();
        Some((name, value))
    });
    let headers: HeaderMap = headers.collect();
    (answer.status, headers, answer.body).into_response()
}

/// An id as a part of a path: what is none of any scheduler's is refused before it gets there.
fn segment(id: &str) -> Result<&str, Refusal> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let right = !id.is_empty() && id.len() <= 64 && id.bytes().all(letter);
    right
        .then_some(id)
        .ok_or_else(|| Refusal::not_found("Task not found"))
}

/// The body of a good answer.
fn good(what: &str, answer: Answer) -> Result<Bytes, Refusal> {
    if answer.status.is_success() {
        return Ok(answer.body);
    }
    let status = match answer.status.is_client_error() || answer.status == StatusCode::INSUFFICIENT_STORAGE {
        true => answer.status,
        false => StatusCode::BAD_GATEWAY,
    };
    Err(Refusal::new(status, format!("{what}: {}", answer.text())))
}

async fn create(
    Shared(master): Shared<Arc<Master>>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<String, Refusal> {
    let _room = master.room.acquire().await;
    let form = Form::read(form, master.picture_bytes).await?;
    let fields: Map<String, Value> = form
        .fields
        .into_iter()
        .map(|(name, value)| (name, value.into()))
        .collect();
    // Twice made is once abandoned: a task that never becomes ready is forgotten.
    let call = Call::post("/task").json(&Value::Object(fields));
    let id = good(
        "the task was not made",
        master.scheduler.call(call, Retry::Safe).await?,
    )?;
    let id = String::from_utf8_lossy(&id).into_owned();
    let (kind, body) = form::picture(&form.image);
    let path = format!("/upload/{}?version=original", segment(&id)?);
    let call = Call::post(path).body(&kind, body).within(PICTURE);
    good(
        "the picture was not stored",
        master.storage.call(call, Retry::Safe).await?,
    )?;
    let call = Call::post(format!("/task/{id}/ready"));
    good(
        "the task is not ready",
        master.scheduler.search(call, Retry::Safe).await?,
    )?;
    Ok(id)
}

async fn next(Shared(master): Shared<Arc<Master>>, Query(wait): Query<Wait>) -> Result<Response, Refusal> {
    let wait = wait.time();
    let end = Instant::now() + wait;
    let stop = stopping();
    loop {
        // One scheduler is waited for; of several each gets a turn.
        let left = end.saturating_duration_since(Instant::now());
        let turn = if master.scheduler.view().len() > 1 {
            left.min(TURN)
        } else {
            left
        };
        let path = format!("/task/next?wait={}", turn.as_secs_f64());
        let call = Call::get(path).within(turn + Duration::from_secs(5));
        let asked = stop
            .run_until_cancelled(master.scheduler.search(call, Retry::Unsent))
            .await;
        let Some(answer) = asked else {
            return Err(Refusal::unavailable("the master is stopping; ask another"));
        };
        let answer = answer?;
        if answer.status != StatusCode::NOT_FOUND || Instant::now() >= end || turn == left {
            return Ok(pass(answer));
        }
    }
}

async fn status(Shared(master): Shared<Arc<Master>>, Path(id): Path<String>) -> Result<Response, Refusal> {
    let call = Call::get(format!("/task/{}", segment(&id)?));
    Ok(pass(master.scheduler.search(call, Retry::Safe).await?))
}

/// Where the task is, however its scheduler puts it.
async fn state(master: &Master, id: &str) -> Result<State, Refusal> {
    #[derive(Deserialize)]
    struct Status {
        state: State,
    }
    let call = Call::get(format!("/task/{}", segment(id)?));
    let answer = master.scheduler.search(call, Retry::Safe).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Err(Refusal::not_found("Task not found"));
    }
    let body = good("the task", answer)?;
    let status: Status = serde_json::from_slice(&body).map_err(|error| {
        Refusal::new(
            StatusCode::BAD_GATEWAY,
            format!("the scheduler's answer: {error}"),
        )
    })?;
    Ok(status.state)
}

async fn download(
    Shared(master): Shared<Arc<Master>>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, Refusal> {
    let version = match which.version {
        Some(version) => version,
        // A worker that comes second must not take the first one's result for the original.
        None if state(&master, &id).await? == State::Finished => Version::Result,
        None => Version::Original,
    };
    let room = Arc::clone(&master.room).acquire_owned().await;
    let path = format!("/download/{}?version={}", segment(&id)?, version.name());
    let call = Call::get(path).within(PICTURE).up_to(master.picture_bytes);
    let mut answer = master.storage.search(call, Retry::Safe).await?;
    let body = std::mem::take(&mut answer.body);
    // The room is taken until the last byte has gone out.
    let body = Full::new(body).map_frame(move |frame| {
        let _ = &room;
        frame
    });
    let (parts, _) = pass(answer).into_parts();
    Ok(Response::from_parts(parts, Body::new(body)))
}

async fn ready(Shared(master): Shared<Arc<Master>>, Path(id): Path<String>) -> Result<Json<bool>, Refusal> {
    Ok(Json(state(&master, &id).await? == State::Finished))
}

/// `finish`, `fail` and `retry`; the scheduler tells a second one from a first by the lease.
async fn step(
    Shared(master): Shared<Arc<Master>>,
    Path((id, step)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    if !matches!(step.as_str(), "finish" | "fail" | "retry") {
        return Err(Refusal::not_found("a task can be finished, failed or retried"));
    }
    let mut call = Call::new(Method::POST, format!("/task/{}/{step}", segment(&id)?));
    if let Some(lease) = headers.get(&LEASE) {
        call = call.header(LEASE, lease.clone());
    }
    if let Some(kind) = headers.get(CONTENT_TYPE) {
        call = call.body(kind, body);
    }
    Ok(pass(master.scheduler.search(call, Retry::Safe).await?))
}

async fn tasks(
    Shared(master): Shared<Arc<Master>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<TaskView>>, Refusal> {
    let limit = query.limit.unwrap_or(100).min(1000);
    let mut all = Vec::new();
    for answer in master
        .scheduler
        .each(Call::get(format!("/tasks?limit={limit}")))
        .await
    {
        if answer.status == StatusCode::OK {
            all.extend(serde_json::from_slice::<Vec<TaskView>>(&answer.body).unwrap_or_default());
        }
    }
    // Two schedulers with one queue give each task twice.
    all.sort_by_key(|task| std::cmp::Reverse((task.changed, task.id)));
    all.dedup_by_key(|task| task.id);
    all.truncate(limit);
    Ok(Json(all))
}

/// A queue that several schedulers have is counted once.
async fn counts(Shared(master): Shared<Arc<Master>>) -> Json<BTreeMap<String, u64>> {
    let mut sum = BTreeMap::new();
    let mut seen = Vec::new();
    for answer in master.scheduler.each(Call::get("/counts")).await {
        let queue = answer.headers.get(&QUEUE).cloned();
        if answer.status != StatusCode::OK || queue.is_some() && seen.contains(&queue) {
            continue;
        }
        seen.push(queue);
        for (state, count) in
            serde_json::from_slice::<BTreeMap<String, u64>>(&answer.body).unwrap_or_default()
        {
            *sum.entry(state).or_default() += count;
        }
    }
    Json(sum)
}

async fn services(Shared(master): Shared<Arc<Master>>) -> Json<BTreeMap<&'static str, Vec<MemberView>>> {
    let own = [
        (Service::Scheduler, Arc::clone(&master.scheduler)),
        (Service::Storage, Arc::clone(&master.storage)),
    ];
    let all = own.iter().chain(&master.others);
    Json(all.map(|(service, pool)| (service.name(), pool.view())).collect())
}
