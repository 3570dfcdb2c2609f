//! Calls about images.

use std::path::PathBuf;

use http::Method;

use super::{Body, ByteStream, Client, Error, Result, segment, with_query};
use crate::image::{
    Changes, DiffQuery, FileQuery, FilesQuery, Image, ImportQuery, Listing, PruneQuery, Pruned, TagRequest,
};

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

    /// `GET /v1/images/{reference}/files`: what the image has at and below a path.
    ///
    /// # Errors
    ///
    /// See [`Error`]; code [`ErrorCode::FileNotFound`](crate::ErrorCode::FileNotFound) where there is nothing.
    pub async fn image_files(&self, reference: &str, path: &str) -> Result<Listing> {
        let query = FilesQuery {
            path: Some(path.to_owned()),
        };
        self.get(&with_query(&image(reference, "/files"), &query)?).await
    }

    /// `GET /v1/images/{reference}/file`: the bytes of a file.
    ///
    /// # Errors
    ///
    /// As [`image_files`](Self::image_files).
    pub async fn image_file(&self, reference: &str, path: &str) -> Result<ByteStream> {
        let query = FileQuery {
            path: path.to_owned(),
        };
        let path = with_query(&image(reference, "/file"), &query)?;
        Ok(ByteStream::new(self.call(Method::GET, &path, Body::Empty).await?))
    }

    /// `GET /v1/images/{reference}/diff`: where it and another image differ.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn diff_images(&self, reference: &str, other: &str) -> Result<Changes> {
        let query = DiffQuery {
            other: other.to_owned(),
        };
        self.get(&with_query(&image(reference, "/diff"), &query)?).await
    }

    /// `GET /v1/images/{reference}/disk`: the bytes of its disk.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn image_disk(&self, reference: &str) -> Result<ByteStream> {
        let path = image(reference, "/disk");
        Ok(ByteStream::new(self.call(Method::GET, &path, Body::Empty).await?))
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
