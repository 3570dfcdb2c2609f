//! Pictures as multipart forms (RFC 7578), in and out.

use axum::extract::{
    Multipart,
    multipart::{Field, MultipartError, MultipartRejection},
};
use bytes::{Bytes, BytesMut};
use http::{HeaderValue, StatusCode};
use uuid::Uuid;

use super::Refusal;

/// The field that holds the picture.
const IMAGE: &str = "image";
/// Fields beside it, and the bytes that each may have.
const FIELDS: usize = 16;
const FIELD_BYTES: usize = 1024;

/// What multipart says around a picture, at most; a request may be that much longer than its picture.
pub const OVERHEAD: usize = 64 << 10;

/// A form that was sent.
#[derive(Clone, Debug)]
pub struct Form {
    /// The field `image`, not empty.
    pub image: Bytes,
    /// All others, in their order.
    pub fields: Vec<(String, String)>,
}

impl Form {
    /// Reads a form whose picture has at most `limit` bytes.
    ///
    /// # Errors
    ///
    /// 400 if it is no form or has no picture, 413 if it is too large.
    pub async fn read(form: Result<Multipart, MultipartRejection>, limit: usize) -> Result<Self, Refusal> {
        let mut form = form.map_err(|_| Refusal::bad_request("Image not found"))?;
        let mut image = None;
        let mut fields = Vec::new();
        while let Some(field) = form.next_field().await.map_err(refuse)? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == IMAGE && image.is_none() {
                image = Some(bytes(field, limit).await?);
            } else if fields.len() < FIELDS {
                let value = bytes(field, FIELD_BYTES).await?;
                fields.push((name, String::from_utf8_lossy(&value).into_owned()));
            } else {
                return Err(Refusal::bad_request(format!("more than {FIELDS} fields")));
            }
        }
        match image {
            Some(image) if !image.is_empty() => Ok(Self { image, fields }),
            _ => Err(Refusal::bad_request("Image not found")),
        }
    }
}

/// A field's bytes, read piece by piece: what is too large is never held.
async fn bytes(mut field: Field<'_>, limit: usize) -> Result<Bytes, Refusal> {
    let mut all = BytesMut::new();
    while let Some(piece) = field.chunk().await.map_err(refuse)? {
        if all.len() + piece.len() > limit {
            let message = format!("a field is larger than {limit} bytes");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.freeze())
}

fn refuse(error: MultipartError) -> Refusal {
    Refusal::new(error.status(), error.body_text())
}

/// A picture as a form: its content type and its body.
#[must_use]
pub fn picture(image: &[u8]) -> (HeaderValue, Bytes) {
    // Random, so that no picture contains it.
    let boundary = Uuid::new_v4().simple().to_string();
    let mut body = BytesMut::with_capacity(image.len() + 256);
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"{IMAGE}\"; filename=\"image\"\r\n\
         Content-Type: {}\r\n\r\n",
        kind(image)
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(image);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let kind = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"));
    // Hexadecimal digits are a valid header.
    let kind = kind.unwrap_or_else(|_| HeaderValue::from_static("multipart/form-data"));
    (kind, body.freeze())
}

/// The media type that a picture's first bytes say.
#[must_use]
pub fn kind(image: &[u8]) -> &'static str {
    match image {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        _ => "application/octet-stream",
    }
}

/// The ending of a file with that picture; the first system knew PNG only.
#[must_use]
pub fn extension(image: &[u8]) -> &'static str {
    match kind(image) {
        "image/jpeg" => "jpg",
        _ => "png",
    }
}
