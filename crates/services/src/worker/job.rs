//! One task, from its lease to its end.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::picture::{Limits, Operation, PictureError, transform};
use crate::{
    balance::{Pool, PoolError, Retry},
    http::{Answer, client::Call, form},
    scheduler::server::{ATTEMPT, DEFAULT_KIND, KIND, LEASE, LEASE_MS, PARAMS},
    trace::{Context, TRACEPARENT, Trace},
};

/// A task as it was lent.
#[derive(Debug)]
pub struct Job {
    /// Its id, as text: other schedulers count.
    pub id: String,
    lease: Option<HeaderValue>,
    kind: String,
    params: BTreeMap<String, String>,
    trace: Trace,
    attempt: String,
    /// When the lease ends, or the worker's own patience.
    until: Instant,
}

#[derive(Deserialize)]
struct Lent {
    id: Value,
}

/// Why a job did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// No use to try again.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A service did not answer.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A service said no.
    #[error("{what}: {status} {text}; it is tried again")]
    Refused {
        /// What was asked.
        what: &'static str,
        /// The status.
        status: StatusCode,
        /// What it said.
        text: String,
    },
    /// It took too long.
    #[error(
        "the work was not done within the time of the task; give the worker more (--task-timeout), or take smaller pictures"
    )]
    Late,
    /// The thread that worked ended.
    #[error("the work broke off; this is a bug of the worker")]
    Broken,
    /// The task is another's by now.
    #[error("the lease was given to another")]
    GivenAway,
}

/// What a job needs of its worker.
#[derive(Clone, Debug)]
pub struct Tools {
    /// The master.
    pub master: Arc<Pool>,
    /// The storage.
    pub storage: Arc<Pool>,
    /// What a picture may take.
    pub limits: Limits,
    /// Bytes of an encoded picture.
    pub picture_bytes: usize,
}

impl Job {
    /// That of an answer to `GET /task/next`; `None` if it holds no task. `most` is the worker's patience with a task.
    #[must_use]
    pub fn of(answer: &Answer, most: Duration) -> Option<Self> {
        let lent: Lent = serde_json::from_slice(&answer.body).ok()?;
        let id = match lent.id {
            Value::String(id) => id,
            Value::Number(id) if id.as_i64() != Some(-1) => id.to_string(),
            _ => return None,
        };
        let lease = answer.header(&LEASE_MS).and_then(|ms| ms.parse().ok());
        // What is not done when the lease ends is done by another: better to stop a little earlier and to say so.
        let lease = lease.map_or(most, |ms| Duration::from_millis(ms) * 9 / 10);
        let params = answer.headers.get(&PARAMS);
        let params = params.and_then(|params| serde_json::from_slice(params.as_bytes()).ok());
        let trace = answer
            .header(&TRACEPARENT)
            .and_then(|trace| trace.parse::<Trace>().ok());
        Some(Self {
            id,
            lease: answer.headers.get(&LEASE).cloned(),
            kind: answer.header(&KIND).unwrap_or(DEFAULT_KIND).to_owned(),
            params: params.unwrap_or_default(),
            trace: trace.map_or_else(Trace::new, Trace::child),
            attempt: answer.header(&ATTEMPT).unwrap_or("1").to_owned(),
            until: Instant::now() + lease.min(most),
        })
    }

    /// Does it and says how it ended, in the trace that the task was made in.
    ///
    /// # Errors
    ///
    /// It was not done; the scheduler has been told, if it could be.
    pub async fn run(&self, tools: &Tools) -> Result<(), JobError> {
        let deadline = Some(self.until.into_std());
        let context = Context {
            trace: self.trace,
            deadline,
        };
        let done = tokio::time::timeout_at(self.until, context.scope(self.work(tools))).await;
        let done = done.unwrap_or(Err(JobError::Late));
        let (id, kind, attempt, trace_id) = (&self.id, &self.kind, &self.attempt, self.trace.id());
        match &done {
            Ok(()) => tracing::info!(id, kind, attempt, trace_id, "done"),
            Err(error) => {
                tracing::warn!(id, kind, attempt, trace_id, %error, "not done");
                // The deadline has passed, perhaps; this is said all the same.
                let trace = Context {
                    trace: self.trace,
                    deadline: None,
                };
                trace.scope(self.fail(tools, error)).await;
            }
        }
        done
    }

    async fn work(&self, tools: &Tools) -> Result<(), JobError> {
        let operation = Operation::of(&self.kind, &self.params, tools.limits)?;
        let path = format!("/task/{}/download?version=original", self.id);
        let call = Call::get(path).within(MOST).up_to(tools.picture_bytes);
        let picture = success("download", tools.master.call(call, Retry::Safe).await?)?.body;
        let limits = tools.limits;
        let result = tokio::task::spawn_blocking(move || transform(&picture, operation, limits)).await;
        let result = result.map_err(|_| JobError::Broken)??;
        let (kind, body) = form::picture(&Bytes::from(result));
        let path = format!("/upload/{}?version=result", self.id);
        let call = Call::post(path).body(&kind, body).within(MOST);
        success("upload", tools.storage.call(call, Retry::Safe).await?)?;
        let answer = tools.master.call(self.speak("finish", None), Retry::Safe).await?;
        match answer.status {
            StatusCode::CONFLICT => Err(JobError::GivenAway),
            _ => success("finish", answer).map(drop),
        }
    }

    /// Gives the task back, or up.
    async fn fail(&self, tools: &Tools, error: &JobError) {
        if matches!(error, JobError::GivenAway) {
            return;
        }
        let retry = !matches!(error, JobError::Picture(_));
        let body = json!({ "error": error.to_string(), "retry": retry });
        // Where it is not heard, the lease ends by itself.
        drop(
            tools
                .master
                .call(self.speak("fail", Some(&body)), Retry::Safe)
                .await,
        );
    }

    fn speak(&self, what: &str, body: Option<&Value>) -> Call {
        let mut call = Call::new(Method::POST, format!("/task/{}/{what}", self.id));
        if let Some(lease) = &self.lease {
            call = call.header(LEASE, lease.clone());
        }
        match body {
            Some(body) => call.json(body),
            None => call,
        }
    }
}

/// For one call of a job.
const MOST: Duration = Duration::from_secs(30);

fn success(what: &'static str, answer: Answer) -> Result<Answer, JobError> {
    if answer.status.is_success() {
        return Ok(answer);
    }
    Err(JobError::Refused {
        what,
        status: answer.status,
        text: answer.text(),
    })
}
