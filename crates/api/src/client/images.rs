//! Calls about images.

use std::path::PathBuf;

use http::Method;

use super::{Body, Client, Error, Result, segment, with_query};
use crate::image::{Image, ImportQuery, PruneQuery, Pruned, TagRequest};

impl Client {
    /// `GET /v1/images`, by name.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn list_images(&self) -> Result<Vec<Image>> {
        self.get("/v1/images").await
    }

    /// `GET /v1/images/{reference}`: by name, or by digest (`sha256:...`).
    ///
    /// # Errors
    ///
    /// See [`Error`]; code [`ErrorCode::ImageNotFound`](crate::ErrorCode::ImageNotFound) where there is none.
    pub async fn get_image(&self, reference: &str) -> Result<Image> {
        self.get(&image(reference, "")).await
    }

    /// `POST /v1/images?name=NAME`: sends the file, an ELF or a disk.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn import_image(&self, name: &str, file: impl Into<PathBuf>) -> Result<Image> {
        let query = ImportQuery {
            name: name.to_owned(),
            program: None,
        };
        self.import_image_as(&query, file).await
    }

    /// `POST /v1/images` with any query: the file is read and sent piece by piece.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn import_image_as(&self, query: &ImportQuery, file: impl Into<PathBuf>) -> Result<Image> {
        let path = file.into();
        let opened = tokio::fs::File::open(&path).await;
        let file = opened.map_err(|source| Error::File { path, source })?;
        self.call(
            Method::POST,
            &with_query("/v1/images", query)?,
            Body::reader(file),
        )
        .await?
        .json()
        .await
    }

    /// `POST /v1/images?name=NAME` from memory.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn import_image_bytes(&self, name: &str, bytes: impl Into<bytes::Bytes>) -> Result<Image> {
        let query = ImportQuery {
            name: name.to_owned(),
            program: None,
        };
        let body = Body::Bytes(bytes.into());
        self.call(Method::POST, &with_query("/v1/images", &query)?, body)
            .await?
            .json()
            .await
    }

    /// `DELETE /v1/images/{name}`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn delete_image(&self, name: &str) -> Result<()> {
        self.call(Method::DELETE, &image(name, ""), Body::Empty)
            .await
            .map(drop)
    }

    /// `POST /v1/images/{reference}/tags`: gives the image a further name.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn tag_image(&self, reference: &str, name: &str) -> Result<Image> {
        let request = TagRequest {
            name: name.to_owned(),
        };
        self.post(&image(reference, "/tags"), &request).await
    }

    /// `POST /v1/prune/images`: removes disks that no name and no instance holds.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn prune_images(&self, query: PruneQuery) -> Result<Pruned> {
        let path = with_query("/v1/prune/images", &query)?;
        self.call(Method::POST, &path, Body::Empty).await?.json().await
    }
}

fn image(reference: &str, rest: &str) -> String {
    format!("/v1/images/{}{rest}", segment(reference))
}
