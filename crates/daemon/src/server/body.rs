//! Bodies of requests, bounded in length and in pauses; bodies of answers.

use std::{io, sync::Arc, time::Duration};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use serde::{Serialize, de::DeserializeOwned};

use crate::{images, refusal::Refusal};

/// Longest JSON body but for the contents of files in it, in bytes.
const JSON_LIMIT_BYTES: usize = 1 << 20;

/// Length of the pieces in which bytes of images are sent.
const PIECE_BYTES: usize = 256 << 10;

/// How long a body may pause.
const PAUSE: Duration = Duration::from_secs(30);

/// The next piece of a body; `None` at its end.
pub(super) async fn piece(body: &mut Body) -> Result<Option<Bytes>, Refusal> {
    loop {
        let frame = tokio::time::timeout(PAUSE, body.frame())
            .await
            .map_err(|_| Refusal::Timeout(PAUSE.as_secs()))?;
        match frame {
            None => return Ok(None),
            Some(Err(error)) => {
                return Err(Refusal::Invalid(format!(
                    "the body broke off: {error}; send it again"
                )));
            }
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// How much of a refused body is still taken in, in bytes, and for how long: a client that sends first and listens then
/// would see a broken connection instead of the reason.
const DRAIN_BYTES: usize = 256 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// Takes in the rest of a refused body.
pub(super) async fn drain(body: &mut Body) {
    let drained = async {
        let mut taken = 0;
        while let Ok(Some(bytes)) = piece(body).await {
            taken += bytes.len();
            if taken > DRAIN_BYTES {
                return;
            }
        }
    };
    // A body that does not end in time breaks with the connection.
    let _ = tokio::time::timeout(DRAIN_TIME, drained).await;
}

async fn whole(mut body: Body, limit_bytes: usize) -> Result<Bytes, Refusal> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = piece(&mut body).await? {
        if bytes.len() + piece.len() > limit_bytes {
            drain(&mut body).await;
            return Err(Refusal::BodyTooLarge(limit_bytes as u64));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// A JSON body, whatever its content type says (`curl -d` says a form).
pub(super) async fn json<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    json_with(body, 0).await
}

/// The same, with room for so many bytes of contents in base64, which takes four bytes for three.
pub(super) async fn json_with<T: DeserializeOwned>(body: Body, content_bytes: usize) -> Result<T, Refusal> {
    let bytes = whole(body, JSON_LIMIT_BYTES + content_bytes.div_ceil(3) * 4).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::Invalid(format!("the body is not understood: {error}")))
}

/// A JSON body, or the default where there is none.
pub(super) async fn optional_json<T: DeserializeOwned + Default>(body: Body) -> Result<T, Refusal> {
    let bytes = whole(body, JSON_LIMIT_BYTES).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(T::default());
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::Invalid(format!("the body is not understood: {error}")))
}

/// A query.
pub(super) fn query<T: DeserializeOwned>(uri: &http::Uri) -> Result<T, Refusal> {
    serde_urlencoded::from_str(uri.query().unwrap_or_default())
        .map_err(|error| Refusal::Invalid(format!("the query is not understood: {error}")))
}

/// An answer in JSON.
pub(super) fn answer(status: StatusCode, value: &impl Serialize) -> Result<Response<Body>, Refusal> {
    let bytes = serde_json::to_vec(value).map_err(|error| Refusal::Io {
        action: "write the answer".into(),
        source: error.into(),
    })?;
    Ok(with_type(status, "application/json", bytes.into()))
}

/// An answer without a body.
pub(super) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// An answer of this media type.
pub(super) fn with_type(status: StatusCode, media_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Bytes that are read off the async threads, a piece after the other, as the client takes them.
pub(super) fn pieces(bytes: images::Bytes) -> Response<Body> {
    let length = bytes.length;
    let bytes = Arc::new(bytes);
    let stream = stream::try_unfold(0, move |offset| {
        let bytes = Arc::clone(&bytes);
        async move {
            let left = usize::try_from(bytes.length - offset).unwrap_or(usize::MAX);
            if left == 0 {
                return Ok(None);
            }
            let read = move || {
                let mut piece = vec![0; left.min(PIECE_BYTES)];
                bytes.read_at(offset, &mut piece).map(|()| piece)
            };
            let piece = tokio::task::spawn_blocking(read).await??;
            let next = offset + piece.len() as u64;
            Ok::<_, io::Error>(Some((piece, next)))
        }
    });
    let mut response = with_type(
        StatusCode::OK,
        "application/octet-stream",
        Body::from_stream(stream),
    );
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, length.into());
    response
}

/// A refusal as an answer.
pub(super) fn refused(refusal: &Refusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.code().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status.is_server_error() {
        tracing::warn!(%refusal, "a request failed");
    }
    answer(status, &refusal.body()).unwrap_or_else(|_| empty(status))
}
