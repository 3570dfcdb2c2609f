//! The storage's routes.
//!
//! | request | does |
//! |---|---|
//! | `POST /upload/:id[?version=V]` | keeps the form's field `image` |
//! | `GET /download/:id[?version=V]` | gives it, as an attachment |
//!
//! A task has two pictures, `original` and `result`. The first system had one, which the worker replaced: an inversion done twice was
//! none. Without a version the first upload is the original and the next ones are the result, and the newest is given: whoever
//! knows of one picture only sees what the first system showed.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Multipart, Path, Query, State, multipart::MultipartRejection},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{
    StatusCode,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE},
};
use http_body_util::{BodyExt as _, Full};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::blobs::{BlobError, Blobs, Name, Version};
use crate::http::{
    Refusal,
    form::{Form, OVERHEAD, extension, kind},
};

/// What a storage serves.
#[derive(Debug)]
pub struct Storage {
    /// Where the pictures are.
    pub blobs: Arc<dyn Blobs>,
    /// Bytes that a picture may have.
    pub picture_bytes: usize,
    /// Pictures that may be in memory at a time.
    pub room: Arc<Semaphore>,
}

#[derive(Debug, Deserialize)]
struct Which {
    version: Option<Version>,
}

impl From<BlobError> for Refusal {
    fn from(error: BlobError) -> Self {
        let status = match error {
            BlobError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
            BlobError::Engine { .. } | BlobError::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

/// The storage's routes.
pub fn routes(storage: Arc<Storage>) -> Router {
    let limit = DefaultBodyLimit::max(storage.picture_bytes.saturating_add(OVERHEAD));
    Router::new()
        .route("/upload/{id}", post(upload).layer(limit))
        .route("/download/{id}", get(download))
        .with_state(storage)
}

fn name(id: &str, version: Version) -> Result<Name, Refusal> {
    let wrong = || Refusal::bad_request("an id has 1 to 64 letters, digits, '-' and '_'");
    Name::new(id, version).ok_or_else(wrong)
}

async fn upload(
    State(storage): State<Arc<Storage>>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<(), Refusal> {
    let original = name(&id, Version::Original)?;
    // Never closed; whoever waits too long is let go by the server.
    let _room = storage.room.acquire().await;
    let image = Form::read(form, storage.picture_bytes).await?.image;
    match which.version {
        Some(version) => drop(storage.blobs.put(&original.with(version), image, false).await?),
        None if storage.blobs.put(&original, image.clone(), true).await? => {}
        None => drop(
            storage
                .blobs
                .put(&original.with(Version::Result), image, false)
                .await?,
        ),
    }
    Ok(())
}

async fn download(
    State(storage): State<Arc<Storage>>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, Refusal> {
    let name = name(&id, which.version.unwrap_or(Version::Result))?;
    let room = Arc::clone(&storage.room).acquire_owned().await;
    let mut found = storage.blobs.get(&name).await?;
    if found.is_none() && which.version.is_none() {
        found = storage.blobs.get(&name.with(Version::Original)).await?;
    }
    let image = found.ok_or_else(|| Refusal::not_found("Image not found"))?;
    let file = format!("attachment; filename=\"{}.{}\"", name.id(), extension(&image));
    let headers = [
        (CONTENT_TYPE, kind(&image).to_owned()),
        (CONTENT_DISPOSITION, file),
    ];
    // The room is taken until the last byte has gone out.
    let body = Full::new(image).map_frame(move |frame| {
        let _ = &room;
        frame
    });
    Ok((headers, Body::new(body)).into_response())
}
