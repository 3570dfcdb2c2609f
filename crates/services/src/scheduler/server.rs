//! The scheduler's routes.
//!
//! | request | does |
//! |---|---|
//! | `POST /task` `{"type": .., ..}` | a new task (-1); its id as text |
//! | `POST /task/:id/ready` | may be handed out (0) |
//! | `GET /task/next[?wait=SECONDS]` | lends one (1): `{"id", "state"}`; 404 `{"id": -1, "state": 0}` |
//! | `POST /task/:id/finish` | done (2); 409 if the lease was given to another |
//! | `POST /task/:id/fail` `{"error": .., "retry": ..}` | not done; without `retry` it is given up (3) |
//! | `POST /task/:id/retry` | a dead one is ready again |
//! | `GET /task/:id` | all that is known of it |
//! | `GET /tasks[?state=N&limit=N]`, `GET /dead` | the last changed ones; the dead-letter list |
//! | `GET /counts` | how many there are in each state, by its name |
//!
//! The lease's token and what the worker has to know travel in headers ([`LEASE`], [`KIND`], ..), as the body is the first system's.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, Query, State as Shared},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    queue::QueueError,
    service::{Changed, Scheduler, now},
    task::{Conflict, Millis, State, Task},
};
use crate::{
    http::{Refusal, body::Body, server::stopping, wait::Wait},
    trace::{Context, TRACEPARENT, Trace},
};

/// The token of a lease; whoever finishes or fails a task sends it back.
pub const LEASE: HeaderName = HeaderName::from_static("x-task-lease");
/// How long the lease is, in milliseconds.
pub const LEASE_MS: HeaderName = HeaderName::from_static("x-task-lease-ms");
/// What is to be done.
pub const KIND: HeaderName = HeaderName::from_static("x-task-type");
/// What else there is to know, a JSON object of strings.
pub const PARAMS: HeaderName = HeaderName::from_static("x-task-params");
/// How often the task has been handed out, this time counted.
pub const ATTEMPT: HeaderName = HeaderName::from_static("x-task-attempt");
/// Which queue was counted: several schedulers may have one.
pub const QUEUE: HeaderName = HeaderName::from_static("x-queue");

/// What is done where no type is given: the first system knew nothing else.
pub const DEFAULT_KIND: &str = "invert";

/// Tasks in a list.
const LIST: usize = 1000;
/// Bytes of a type, of a parameter's name and value, of an error; and how many parameters.
const NAME: usize = 64;
const TEXT: usize = 1024;
const PARAMS_MAX: usize = 16;

#[derive(Debug, Default, Deserialize)]
struct CreateBody {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(flatten)]
    params: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
struct FailBody {
    #[serde(default)]
    error: String,
    #[serde(default)]
    retry: bool,
}

#[derive(Debug, Default, Deserialize)]
struct ListQuery {
    state: Option<i8>,
    limit: Option<usize>,
}

/// A task as others see it: without the lease's token, which is only its worker's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskView {
    /// Its id.
    pub id: Uuid,
    /// Where it is.
    pub state: State,
    /// What is to be done.
    #[serde(rename = "type")]
    pub kind: String,
    /// What else there is to know.
    pub params: BTreeMap<String, String>,
    /// How often it was handed out.
    pub attempts: u32,
    /// When it was made, and when its state last changed, in milliseconds since 1970.
    pub created: Millis,
    /// See `created`.
    pub changed: Millis,
    /// What went wrong last.
    pub error: Option<String>,
    /// The id of its trace.
    pub trace: Option<String>,
}

impl From<Task> for TaskView {
    fn from(task: Task) -> Self {
        let trace = task.trace.and_then(|trace| trace.parse::<Trace>().ok());
        Self {
            id: task.id,
            state: task.state,
            kind: task.kind,
            params: task.params,
            attempts: task.attempts,
            created: task.created,
            changed: task.changed,
            error: task.error,
            trace: trace.map(Trace::id),
        }
    }
}

impl From<QueueError> for Refusal {
    fn from(error: QueueError) -> Self {
        let status = match error {
            QueueError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

impl From<Conflict> for Refusal {
    fn from(conflict: Conflict) -> Self {
        Self::new(StatusCode::CONFLICT, conflict.to_string())
    }
}

/// The scheduler's routes.
pub fn routes(scheduler: Arc<Scheduler>) -> Router {
    Router::new()
        .route("/task", post(create))
        .route("/task/next", get(next))
        .route("/task/{id}", get(status))
        .route("/task/{id}/ready", post(ready))
        .route("/task/{id}/finish", post(finish))
        .route("/task/{id}/fail", post(fail))
        .route("/task/{id}/retry", post(retry))
        .route("/tasks", get(list))
        .route("/dead", get(dead))
        .route("/counts", get(counts))
        .with_state(scheduler)
}

fn no_task() -> Refusal {
    Refusal::not_found("Task not found")
}

/// What is no id of ours is no task.
fn id(text: &str) -> Result<Uuid, Refusal> {
    text.parse().map_err(|_| no_task())
}

fn done(changed: Changed) -> Result<(), Refusal> {
    changed.ok_or_else(no_task)??;
    Ok(())
}

/// The token that a worker sends.
fn token(headers: &HeaderMap) -> Result<Option<Uuid>, Refusal> {
    let Some(value) = headers.get(&LEASE) else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|text| text.parse().ok());
    let wrong = || Refusal::bad_request(format!("{LEASE} is not the token of a lease"));
    token.map(Some).ok_or_else(wrong)
}

async fn create(
    Shared(scheduler): Shared<Arc<Scheduler>>,
    Body(body): Body<CreateBody>,
) -> Result<String, Refusal> {
    let kind = body.kind.unwrap_or_else(|| DEFAULT_KIND.to_owned());
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let params: BTreeMap<_, _> = body
        .params
        .into_iter()
        .map(|(name, value)| (name, text(value)))
        .collect();
    let fits = |name: &str, value: &str| name.len() <= NAME && value.len() <= TEXT;
    if kind.is_empty() || kind.len() > NAME || !kind.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Refusal::bad_request(format!("a type has 1 to {NAME} letters")));
    }
    if params.len() > PARAMS_MAX || !params.iter().all(|(name, value)| fits(name, value)) {
        let message = format!("at most {PARAMS_MAX} parameters of {TEXT} bytes each");
        return Err(Refusal::bad_request(message));
    }
    let trace = Context::current().map(|context| context.trace.to_string());
    let task = Task::new(kind, params, trace, now());
    let id = task.id;
    scheduler.create(task).await?;
    Ok(id.to_string())
}

async fn next(
    Shared(scheduler): Shared<Arc<Scheduler>>,
    Query(wait): Query<Wait>,
) -> Result<Response, Refusal> {
    let wait = wait.time();
    // Whoever waits is answered before it gives up.
    let wait = Context::current().map_or(wait, |context| context.left(wait + GRACE).saturating_sub(GRACE));
    let task = scheduler.next(wait, &stopping()).await?;
    let Some(task) = task else {
        let none = Json(json!({ "id": -1, "state": State::Ready }));
        return Ok((StatusCode::NOT_FOUND, none).into_response());
    };
    let headers = lent(&task, scheduler.policy().lease);
    let body = Json(json!({ "id": task.id, "state": task.state }));
    Ok((headers, body).into_response())
}

/// Time for an answer on its way.
const GRACE: Duration = Duration::from_millis(200);

/// What the worker has to know beside the id.
fn lent(task: &Task, lease: Duration) -> HeaderMap {
    let params = serde_json::to_string(&task.params).unwrap_or_default();
    let fields = [
        (LEASE, task.lease.map(|lease| lease.to_string())),
        (LEASE_MS, Some(lease.as_millis().to_string())),
        (KIND, Some(task.kind.clone())),
        (PARAMS, Some(params)),
        (ATTEMPT, Some(task.attempts.to_string())),
        (TRACEPARENT, task.trace.clone()),
    ];
    // Bytes, as parameters may have letters of all kinds.
    let value = |text: String| HeaderValue::from_bytes(text.as_bytes()).ok();
    let fields = fields.into_iter();
    fields
        .filter_map(|(name, text)| Some((name, value(text?)?)))
        .collect()
}

async fn status(
    Shared(scheduler): Shared<Arc<Scheduler>>,
    Path(name): Path<String>,
) -> Result<Json<TaskView>, Refusal> {
    let task = scheduler.get(id(&name)?).await?;
    Ok(Json(task.ok_or_else(no_task)?.into()))
}

async fn ready(Shared(scheduler): Shared<Arc<Scheduler>>, Path(name): Path<String>) -> Result<(), Refusal> {
    done(scheduler.ready(id(&name)?).await?)
}

async fn finish(
    Shared(scheduler): Shared<Arc<Scheduler>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<(), Refusal> {
    done(scheduler.finish(id(&name)?, token(&headers)?).await?)
}

async fn fail(
    Shared(scheduler): Shared<Arc<Scheduler>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    Body(body): Body<FailBody>,
) -> Result<(), Refusal> {
    let error = body.error.chars().take(TEXT).collect();
    let (id, lease) = (id(&name)?, token(&headers)?);
    done(scheduler.fail(id, lease, error, !body.retry).await?)
}

async fn retry(Shared(scheduler): Shared<Arc<Scheduler>>, Path(name): Path<String>) -> Result<(), Refusal> {
    done(scheduler.retry(id(&name)?).await?)
}

async fn list(
    Shared(scheduler): Shared<Arc<Scheduler>>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<TaskView>>, Refusal> {
    let state = query
        .state
        .map(State::try_from)
        .transpose()
        .map_err(Refusal::bad_request)?;
    let tasks = scheduler
        .list(state, query.limit.unwrap_or(100).min(LIST))
        .await?;
    Ok(Json(tasks.into_iter().map(TaskView::from).collect()))
}

async fn dead(Shared(scheduler): Shared<Arc<Scheduler>>) -> Result<Json<Vec<TaskView>>, Refusal> {
    let tasks = scheduler.list(Some(State::Dead), LIST).await?;
    Ok(Json(tasks.into_iter().map(TaskView::from).collect()))
}

async fn counts(Shared(scheduler): Shared<Arc<Scheduler>>) -> Result<Response, Refusal> {
    let counts = scheduler.counts().await?;
    let count = |state: State| (state.name(), counts.get(&state).copied().unwrap_or(0));
    let counts: BTreeMap<_, _> = State::ALL.into_iter().map(count).collect();
    Ok(([(QUEUE, scheduler.queue_name())], Json(counts)).into_response())
}
