//! Routes of images.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::StatusCode;
use uigniter_api::image::{
    DiffQuery, FileQuery, FilesQuery, Image, ImageName, ImportQuery, PruneQuery, TagRequest,
};

use super::{
    body::{answer, drain, empty, json, piece, pieces, query},
    routes::Call,
};
use crate::{
    host::Host,
    images::{self, Import},
    refusal::Refusal,
};

pub(super) async fn list(host: &Arc<Host>) -> Result<Response, Refusal> {
    answer(
        StatusCode::OK,
        &images::with(host, |host| host.images.list()).await?,
    )
}

pub(super) async fn get(host: &Arc<Host>, call: Call) -> Result<Response, Refusal> {
    let reference = call.segment("reference").to_owned();
    let image = images::with(host, move |host| host.images.look(&reference)).await?;
    answer(StatusCode::OK, &image)
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
    images::with(host, move |host| {
        import.finish(&host.images, || host.registry.image_digests())
    })
    .await
}

pub(super) async fn delete(host: &Arc<Host>, call: Call) -> Result<Response, Refusal> {
    let reference = call.segment("reference").to_owned();
    images::with(host, move |host| {
        let name = reference.parse::<ImageName>().map(|name| name.to_string());
        let name = name.or_else(|_| host.images.look(&reference).map(|image| image.name))?;
        let instances = host.registry.list();
        let user = instances
            .into_iter()
            .find(|instance| !instance.state.has_ended() && instance.image == name);
        if let Some(user) = user {
            return Err(Refusal::ImageInUse {
                image: name,
                instance: user.name,
            });
        }
        host.images.delete(&reference, || host.registry.image_digests())
    })
    .await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

pub(super) async fn tag(host: &Arc<Host>, mut call: Call) -> Result<Response, Refusal> {
    let body = std::mem::take(&mut call.body);
    let TagRequest { name } = json(body).await?;
    let reference = call.segment("reference").to_owned();
    let image = images::with(host, move |host| {
        host.images
            .tag(&reference, &name, || host.registry.image_digests())
    });
    answer(StatusCode::CREATED, &image.await?)
}

pub(super) async fn prune(host: &Arc<Host>, call: Call) -> Result<Response, Refusal> {
    let PruneQuery { all } = query(&call.uri)?;
    let pruned = images::with(host, move |host| {
        host.images.prune(all, || host.registry.image_digests())
    });
    answer(StatusCode::OK, &pruned.await?)
}

pub(super) async fn files(host: &Arc<Host>, call: Call) -> Result<Response, Refusal> {
    let FilesQuery { path } = query(&call.uri)?;
    let reference = call.segment("reference").to_owned();
    let listing = images::look_into(host, move |images| {
        images.files(&reference, path.as_deref().unwrap_or("/"))
    });
    answer(StatusCode::OK, &listing.await?)
}

pub(super) async fn file(host: &Arc<Host>, call: Call) -> Result<Response, Refusal> {
    let FileQuery { path } = query(&call.uri)?;
    let reference = call.segment("reference").to_owned();
    let bytes = images::look_into(host, move |images| images.file(&reference, &path));
    Ok(pieces(bytes.await?))
}

pub(super) async fn diff(host: &Arc<Host>, call: Call) -> Result<Response, Refusal> {
    let DiffQuery { other } = query(&call.uri)?;
    let reference = call.segment("reference").to_owned();
    let changes = images::look_into(host, move |images| images.diff(&reference, &other));
    answer(StatusCode::OK, &changes.await?)
}

pub(super) async fn disk(host: &Arc<Host>, call: Call) -> Result<Response, Refusal> {
    let reference = call.segment("reference").to_owned();
    let bytes = images::with(host, move |host| host.images.disk(&reference));
    Ok(pieces(bytes.await?))
}
