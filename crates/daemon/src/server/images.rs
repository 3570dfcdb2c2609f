//! Routes of images.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::StatusCode;
use uigniter_api::image::{Image, ImportQuery};

use super::{
    body::{answer, drain, empty, piece, query},
    routes::Call,
};
use crate::{host::Host, images::Import, refusal::Refusal};

pub(super) fn list(host: &Arc<Host>) -> Result<Response, Refusal> {
    answer(StatusCode::OK, &host.images.list()?)
}

pub(super) fn get(host: &Arc<Host>, call: &Call) -> Result<Response, Refusal> {
    answer(StatusCode::OK, &host.images.get(call.segment("reference"))?.image)
}

pub(super) async fn import(host: &Arc<Host>, mut call: Call) -> Result<Response, Refusal> {
    let imported = match query::<ImportQuery>(&call.uri) {
        Ok(asked) => receive(host, &asked, &mut call.body).await,
        Err(refusal) => Err(refusal),
    };
    match imported {
        Ok(image) => answer(StatusCode::CREATED, &image),
        Err(refusal) => {
            drain(&mut call.body).await;
            Err(refusal)
        }
    }
}

async fn receive(host: &Arc<Host>, asked: &ImportQuery, body: &mut Body) -> Result<Image, Refusal> {
    let mut import = Import::start(&host.images, asked)?;
    while let Some(bytes) = piece(body).await? {
        import.piece(&bytes)?;
    }
    let host = Arc::clone(host);
    let finished = tokio::task::spawn_blocking(move || import.finish(&host.images));
    finished.await.unwrap_or_else(|error| {
        Err(Refusal::Io {
            action: "import the image".into(),
            source: std::io::Error::other(error),
        })
    })
}

pub(super) fn delete(host: &Arc<Host>, call: &Call) -> Result<Response, Refusal> {
    let image = host.images.get(call.segment("reference"));
    let name = match &image {
        Ok(found) => found.image.name.as_str(),
        // A broken image can be deleted too, by its name.
        Err(Refusal::InvalidImage(_)) => call.segment("reference"),
        Err(_) => return image.and(Err(Refusal::NoImage(call.segment("reference").to_owned()))),
    };
    let user = host
        .registry
        .list()
        .into_iter()
        .find(|instance| !instance.state.has_ended() && instance.image == name);
    if let Some(user) = user {
        return Err(Refusal::ImageInUse {
            image: name.to_owned(),
            instance: user.name,
        });
    }
    host.images.delete(name)?;
    Ok(empty(StatusCode::NO_CONTENT))
}
