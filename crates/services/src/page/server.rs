//! The page's routes.
//!
//! | request | does |
//! |---|---|
//! | `GET /`, `/style.css`, `/script.js`, `/icon.svg` | the page |
//! | `POST /upload` (multipart `image`, `type` and its parameters) | makes a task; `{"id": .., "trace": ..}` |
//! | `GET /picture/:id?version=V` | a picture |
//! | `GET /events` | `tasks` and `services` as server-sent events |

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest as _, Path, Query, Request, State},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{get, post},
};
use futures_util::{Stream, StreamExt as _, stream};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use super::live::Live;
use crate::{
    balance::{Pool, Retry},
    http::{Refusal, client::Call, form::OVERHEAD, server::stopping},
    storage::{Name, Version},
    trace::Context,
};

/// For a picture to go to the master and to be stored.
const PICTURE: Duration = Duration::from_secs(30);
/// Nothing but what this binary carries and the pictures.
const POLICY: &str = "default-src 'self'; img-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'";

/// What a page serves with.
#[derive(Debug)]
pub struct Page {
    /// The master.
    pub master: Arc<Pool>,
    /// What browsers are told.
    pub live: Arc<Live>,
    /// Bytes that a picture may have.
    pub picture_bytes: usize,
    /// Pictures that may be in memory at a time.
    pub room: Semaphore,
}

#[derive(Debug, Deserialize)]
struct Which {
    version: Version,
}

/// The page's routes.
pub fn routes(page: Arc<Page>) -> Router {
    let limit = DefaultBodyLimit::max(page.picture_bytes.saturating_add(OVERHEAD));
    let file = |kind, text| get(move || async move { file(kind, text) });
    Router::new()
        .route("/", file("text/html; charset=utf-8", include_str!("index.html")))
        .route(
            "/style.css",
            file("text/css; charset=utf-8", include_str!("style.css")),
        )
        .route(
            "/script.js",
            file("text/javascript; charset=utf-8", include_str!("script.js")),
        )
        .route("/icon.svg", file("image/svg+xml", include_str!("icon.svg")))
        .route("/upload", post(upload).layer(limit))
        .route("/picture/{id}", get(picture))
        .route("/events", get(events))
        .with_state(page)
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 4] = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}

/// The form goes on as it came: the master reads it, and refuses it where it is none.
async fn upload(
    State(page): State<Arc<Page>>,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Value>, Refusal> {
    // Before the body is read.
    let _room = page.room.acquire().await;
    let form = Bytes::from_request(request, &()).await;
    let form = form.map_err(|error| Refusal::new(error.status(), error.body_text()))?;
    let octets = HeaderValue::from_static("application/octet-stream");
    let kind = headers.get(CONTENT_TYPE).unwrap_or(&octets);
    let call = Call::post("/task").body(kind, form).within(PICTURE);
    let answer = page.master.call(call, Retry::Unsent).await?;
    if answer.status != StatusCode::OK {
        return Err(Refusal::new(answer.status, answer.text()));
    }
    let trace = Context::current().map(|context| context.trace.id());
    Ok(Json(json!({ "id": answer.text(), "trace": trace })))
}

async fn picture(
    State(page): State<Arc<Page>>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, Refusal> {
    let none = || Refusal::not_found("Image not found");
    let name = Name::new(&id, which.version).ok_or_else(none)?;
    let _room = page.room.acquire().await;
    let path = format!("/task/{}/download?version={}", name.id(), which.version.name());
    let call = Call::get(path).within(PICTURE).up_to(page.picture_bytes);
    let answer = page.master.call(call, Retry::Safe).await?;
    if answer.status != StatusCode::OK {
        return Err(Refusal::new(answer.status, answer.text()));
    }
    let kind = crate::http::form::kind(&answer.body);
    let headers: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, kind),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // A task's pictures never change.
        (CACHE_CONTROL, "private, max-age=3600, immutable"),
    ];
    Ok((headers, answer.body).into_response())
}

async fn events(State(page): State<Arc<Page>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (tasks, services) = page.live.look();
    let stop = stopping();
    let events = stream::select(changes("tasks", tasks), changes("services", services))
        .take_until(async move { stop.cancelled().await });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

/// What is known, and from then on each change.
fn changes(
    name: &'static str,
    mut receiver: watch::Receiver<String>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    receiver.mark_changed();
    let events = stream::unfold(receiver, move |mut receiver| async move {
        loop {
            receiver.changed().await.ok()?;
            let text = receiver.borrow_and_update().clone();
            if !text.is_empty() {
                return Some((Ok(Event::default().event(name).data(text)), receiver));
            }
        }
    });
    events.boxed()
}
